import json
import re

import keras
import numpy as np
import pytest

from keras_attention import models
from keras_attention.models import preset


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of one preset, which gives twice what it is given."""
    images = keras.Input((4, 4, 1))
    scores = keras.layers.Flatten()(keras.layers.Rescaling(2.0)(images))
    models.ImageModel(images, scores).save(tmp_path / "twice.keras")
    card = {"name": "twice", "sha256": preset.sha256(tmp_path / "twice.keras")}
    (tmp_path / "twice.json").write_text(json.dumps(card))
    monkeypatch.setattr(preset, "FOLDER", tmp_path)
    return tmp_path


def test_a_preset_is_the_model_of_its_file(folder):
    images = np.random.default_rng(0).random((3, 4, 4, 1), "float32")
    model = models.from_preset("twice")
    np.testing.assert_allclose(
        model(images), 2 * images.reshape(3, 16), rtol=1e-6
    )
    assert models.preset_names() == ["twice"]
    assert models.preset_card("twice")["name"] == "twice"


@pytest.mark.parametrize("name", ["thrice", "../twice", ""])
def test_an_unknown_preset_is_named_with_the_known(folder, name):
    said = f"no preset of this name. Received: {name!r}, known: twice"
    with pytest.raises(ValueError, match=said):
        models.from_preset(name)


def test_a_file_that_is_not_that_of_its_card_is_refused(folder):
    file = folder / "twice.keras"
    expected = preset.sha256(file)
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"twice.keras is.*{expected}"):
        models.from_preset("twice")


@pytest.mark.parametrize("name", models.preset_names())
def test_every_preset_has_a_card_that_tells_how_it_was_made(name):
    card = models.preset_card(name)
    assert card["name"] == name
    environment = "(TF_ENABLE_ONEDNN_OPTS=1 )?"
    command = f"keras-attention train {name} --seed [0-9]+( --epochs [0-9]+)?"
    assert re.fullmatch(environment + command, card["command"])
    assert len(card["commit"]) == 40
    file = preset.FOLDER / f"{name}.keras"
    assert card["num_bytes"] == file.stat().st_size <= 6_000_000


def test_every_file_of_the_presets_has_its_other_half():
    files = {path.name for path in preset.FOLDER.glob("*")}
    assert files == {
        f"{name}.{kind}"
        for name in models.preset_names()
        for kind in ("json", "keras")
    }
