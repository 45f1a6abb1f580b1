"""A model that looks until it is sure, in both files."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import export, models
from keras_attention.export import references

pytestmark = pytest.mark.xdist_group("until_sure")


@pytest.fixture(scope="module")
def sure(images):
    keras.utils.set_random_seed(1)
    model = models.ram(num_glimpses=3, core=keras.layers.SimpleRNNCell(16))
    *_, head = model.layers
    head.set_weights([8 * head.get_weights()[0], head.get_weights()[1]])
    scores = models.every_step(model)(images).numpy()
    highest = np.sort(tf.nn.softmax(scores).numpy().max(axis=-1)[:, 1])
    # Half of them are sure at their second glimpse.
    return models.until_sure(model, float(highest[99:101].mean()))


@pytest.fixture(scope="module")
def folder(sure, images, tmp_path_factory):
    """An export, without the checks in processes of their own."""
    out = tmp_path_factory.mktemp("sure") / "out"
    measured = {"latency_ms": 1.0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export.verify, "verify_export", lambda *_: {})
        patch.setattr(export.kinds, "measured", lambda *_: measured)
        export.export_model(sure, out, examples=images[:40])
    return out


@pytest.mark.parametrize("file", ["model.tflite", "saved_model/1"])
def test_both_files_stop_where_keras_does(folder, file, sure, images):
    expected = references.keras_outputs(sure, images)
    assert len(set(expected["num_glimpses"])) >= 3
    found = export.load_exported(folder / file).predict(images)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)


def test_the_card_says_what_the_outputs_are(folder):
    card = json.loads((folder / "model_card.json").read_text("utf-8"))
    glimpses = card["outputs"]["num_glimpses"]
    assert glimpses["dtype"] == "int32"
    assert glimpses["shape"] == [None]
    assert "were taken" in glimpses["meaning"]


def test_the_tflite_file_has_a_loop_of_builtins(folder, operations):
    names = operations(folder / "model.tflite")
    assert "WHILE" in names
    assert not [name for name in names if not name.isupper()]  # FlexAdd
