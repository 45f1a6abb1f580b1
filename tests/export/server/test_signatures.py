"""Both formats give the same signatures, and the same answers."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_attention import export
from keras_attention.export.server import signatures
from keras_attention.export.server.signatures import GROUPS, Tensor


@pytest.fixture(scope="module")
def tflite(serving_folder):
    file = serving_folder / "model.tflite"
    return signatures.load_signatures(file, "tflite")


@pytest.fixture(scope="module")
def saved_model(serving_folder):
    folder = serving_folder / "saved_model" / "1"
    return signatures.load_signatures(folder, "saved_model")


@pytest.mark.parametrize("loaded", ["tflite", "saved_model"])
def test_a_signature_says_what_it_takes_and_gives(loaded, request):
    loaded = request.getfixturevalue(loaded)
    assert list(loaded) == [
        "serving_default",
        "explain",
        "sample",
        "serve_bytes",
    ]
    default = loaded["serving_default"]
    assert default.inputs == {"image": Tensor("float32", (None, 12, 10, 1))}
    assert default.outputs["class"] == Tensor("int32", (None,))
    assert default.outputs["location"] == Tensor("float32", (None, 2, 2))
    assert loaded["sample"].inputs["noise"].shape[0] is None
    squares = loaded["explain"].outputs["squares"]
    assert squares == Tensor("float32", (None, 2, 1, 4))
    of_bytes = loaded["serve_bytes"]
    assert of_bytes.inputs == {"image_bytes": Tensor("bytes", (None,))}
    assert of_bytes.outputs == default.outputs


@pytest.mark.parametrize("size", [*GROUPS, 5])
def test_batches_of_all_sizes_agree_with_predictions_one_by_one(
    tflite, saved_model, serving_folder, serving_images, size
):
    images = np.tile(serving_images, (2, 1, 1, 1))[:size]
    reference = export.load_exported(serving_folder)
    singly = [reference.predict(image[None]) for image in images]
    for loaded in (tflite, saved_model):
        found = loaded["serving_default"].run(image=images)
        for name, value in found.items():
            expected = np.concatenate([one[name] for one in singly])
            np.testing.assert_allclose(value, expected, atol=1e-5)


def test_files_are_read_as_predict_reads_them(tflite, serving_folder, tmp_path):
    grey = np.random.default_rng(0).integers(0, 255, (20, 30), "uint8")
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "png")
    (tmp_path / "image.png").write_bytes(buffer.getvalue())
    image = export.read_image(tmp_path / "image.png", (12, 10, 1))
    expected = export.load_exported(serving_folder).predict(image[None])
    found = tflite["serve_bytes"].run(image_bytes=[buffer.getvalue()])
    np.testing.assert_array_equal(
        found["probabilities"], expected["probabilities"]
    )


def small(*layers):
    return keras.Sequential([*layers, keras.layers.Dense(3)])


def exported(model, folder, shape, dtype):
    file = folder / "model.tflite"
    spec = tf.TensorSpec(shape, dtype)
    export.export_tflite(model, file, image_spec=spec)
    return signatures.load_signatures(file, "tflite")["serving_default"]


def test_a_file_for_one_image_of_uint8_answers_any_number(tmp_path):
    model = small(keras.Input((6, 6, 1)), keras.layers.Flatten())
    default = exported(model, tmp_path, (1, 6, 6, 1), "uint8")
    assert default.inputs == {"image": Tensor("uint8", (1, 6, 6, 1))}
    images = np.arange(5 * 36, dtype="uint8").reshape(5, 6, 6, 1)
    expected = keras.ops.softmax(model(images / np.float32(255)))
    np.testing.assert_allclose(
        default.run(image=images)["probabilities"], expected, atol=1e-6
    )


def test_a_free_side_is_named_as_such(tmp_path):
    model = small(
        keras.Input((None, 6, 1)), keras.layers.GlobalAveragePooling2D()
    )
    default = exported(model, tmp_path, (None, None, 6, 1), "float32")
    assert default.inputs == {"image": Tensor("float32", (None, None, 6, 1))}
    assert default.outputs["probabilities"] == Tensor("float32", (None, 3))
    for height in (3, 9):
        images = np.ones((2, height, 6, 1), "float32")
        assert default.run(image=images)["class"].shape == (2,)


def test_damaged_files_are_refused(serving_folder, tmp_path):
    content = (serving_folder / "model.tflite").read_bytes()
    damaged = tmp_path / "model.tflite"
    for part in (b"", content[: len(content) // 2], b"x" * 1000):
        damaged.write_bytes(part)
        with pytest.raises(ValueError, match="damaged, or not a TFLite"):
            signatures.load_signatures(damaged, "tflite")
    with pytest.raises(ValueError, match="damaged, or not a SavedModel"):
        signatures.load_signatures(tmp_path, "saved_model")
