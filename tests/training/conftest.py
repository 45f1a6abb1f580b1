import shutil

import keras
import pytest

from keras_attention import layers, models, training
from keras_attention.training import Canvas, recipes
from keras_attention.training.recipe import Recipe


def tiny_network():
    return models.ram(
        (16, 16, 1),
        num_glimpses=2,
        glimpse_size=6,
        core=keras.layers.SimpleRNNCell(16, "relu"),
        glimpse_network=layers.GlimpseNetwork(8, 8, 16),
    )


TINY = Recipe(
    name="tiny",
    summary="a recipe that trains in seconds",
    source="digits",
    canvas=Canvas(16),
    network=tiny_network,
    epochs=3,
    steps_per_epoch=4,
    batch_size=16,
    jit_compile=False,
)


@pytest.fixture
def tiny(monkeypatch):
    """The recipe `tiny`, known by name."""
    get = recipes.get
    monkeypatch.setattr(
        recipes, "get", lambda name: TINY if name == "tiny" else get(name)
    )
    return TINY


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Folder of a finished run of `tiny`, not to be changed, and its results."""
    path = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "get", lambda name: TINY)
        results = training.train("tiny", path, seed=3, verbose=0)
    return path, results


@pytest.fixture
def run(tiny, trained, tmp_path):
    """A copy of the folder of a finished run of `tiny`."""
    return shutil.copytree(trained[0], tmp_path / "run")
