import shutil
import urllib.error

import keras
import pytest
import tensorflow as tf

from keras_attention import layers, models, training
from keras_attention.models import preset
from keras_attention.training import Canvas, recipes
from keras_attention.training.recipe import Recipe

# Two devices, for tests of tf.distribute: before TensorFlow initialises.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)


# What takes seconds to make, to the group of tests that share it.
SHARED = {
    "exported": "exported",
    "program": "exported",
    "serving_folder": "serving_folder",
    "trained": "trained",
}


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """Keeps tests that share something in one process, which makes it once."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        groups = [group for name, group in SHARED.items() if name in names]
        if groups:
            item.add_marker(pytest.mark.xdist_group(groups[0]))


def pytest_configure(config):
    # Keras, when it saves a variable or reads one as an array.
    config.addinivalue_line(
        "filterwarnings",
        "ignore:__array__ implementation doesn't accept a copy keyword"
        ":DeprecationWarning",
    )


@pytest.fixture(autouse=True)
def _same_seed_and_policy_for_every_test():
    keras.utils.set_random_seed(7)
    yield
    keras.config.set_dtype_policy("float32")


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
    stddev=(0.2, 0.05),
)


@pytest.fixture(scope="session")
def tiny_recipe():
    """A recipe that trains in seconds."""
    return TINY


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
    """A finished run of `tiny`, not to be changed: its folder, its results."""
    path = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "get", lambda name: TINY)
        patch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
        results = training.train("tiny", path, seed=3, verbose=0)
    return path, results


@pytest.fixture
def run(tiny, trained, tmp_path, monkeypatch):
    """A copy of the folder of a finished run of `tiny`."""
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    return shutil.copytree(trained[0], tmp_path / "run")


@pytest.fixture
def offline(monkeypatch):
    """No server answers."""

    def urlopen(*_, **__):
        raise urllib.error.URLError("no network in this test")

    monkeypatch.setattr("urllib.request.urlopen", urlopen)


@pytest.fixture(scope="session")
def written(trained, tmp_path_factory):
    """A folder with the preset of the run `trained`, not to be changed."""
    folder = tmp_path_factory.mktemp("written")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "get", lambda name: TINY)
        training.write_preset(trained[0], folder, commit="c" * 40)
    return folder


@pytest.fixture
def presets(tiny, written, tmp_path, monkeypatch):
    """A copy of that folder, in the place of the package's presets."""
    folder = shutil.copytree(written, tmp_path / "presets")
    monkeypatch.setattr(preset, "FOLDER", folder)
    return folder
