import io

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import layers
from keras_attention.export import export_saved_model, read_image
from keras_attention.export.references import keras_outputs
from keras_attention.export.signatures import written
from keras_attention.export.warmup import png


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported / "saved_model" / "1"))


@pytest.fixture
def signature(loaded):
    return loaded.signatures["serving_default"]


def test_the_signature_has_the_documented_names_and_shapes(signature):
    image = signature.structured_input_signature[1]["image"]
    assert image.shape.as_list() == [None, 28, 28, 1]
    assert image.dtype == tf.float32
    outputs = {
        name: (spec.shape.as_list(), spec.dtype)
        for name, spec in signature.structured_outputs.items()
    }
    assert outputs == {
        "probabilities": ([None, 10], tf.float32),
        "class": ([None], tf.int32),
        "location": ([None, 3, 2], tf.float32),
        "location_mean": ([None, 3, 2], tf.float32),
    }


def test_there_are_four_signatures(loaded):
    assert set(loaded.signatures) == {
        "serving_default",
        "serve_bytes",
        "sample",
        "explain",
    }


def test_a_model_without_attention_has_no_more_than_its_answer(
    classifier, tmp_path
):
    directory = export_saved_model(classifier, tmp_path / "model")
    signatures = set(tf.saved_model.load(str(directory)).signatures)
    assert signatures == {"serving_default", "serve_bytes"}


def test_signatures_are_read_without_loading_it(exported):
    directory = exported / "saved_model" / "1"
    loaded = tf.saved_model.load(str(directory)).signatures
    found = written(directory)
    assert set(found) == set(loaded)
    for name, signature in found.items():
        specs = loaded[name].structured_input_signature[1]
        assert {
            key: tf.TensorShape(info.tensor_shape).as_list()
            for key, info in signature.inputs.items()
        } == {key: spec.shape.as_list() for key, spec in specs.items()}


def test_files_are_decoded_inside_the_graph(loaded, model, images):
    files = [png(image) for image in images[:3]]
    found = loaded.signatures["serve_bytes"](image_bytes=tf.constant(files))
    read = [read_image(io.BytesIO(file), (28, 28, 1)) for file in files]
    expected = keras_outputs(model, np.stack(read))
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5)


def test_uint8_images_and_a_batch_can_be_fixed(classifier, tmp_path):
    spec = tf.TensorSpec((2, 6, 6, 1), "uint8")
    directory = export_saved_model(
        classifier, tmp_path / "model", image_spec=spec
    )
    signature = tf.saved_model.load(str(directory)).signatures[
        "serving_default"
    ]
    pixels = np.arange(72, dtype="uint8").reshape(2, 6, 6, 1)
    expected = keras_outputs(classifier, pixels / np.float32(255))
    found = signature(image=tf.constant(pixels))
    np.testing.assert_allclose(
        found["probabilities"], expected["probabilities"], atol=1e-6
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="shape"):
        signature(image=tf.constant(pixels[:1]))


def test_images_of_any_size_are_taken_where_the_model_takes_them(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((None, None, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )
    spec = tf.TensorSpec((None, None, None, 1))
    directory = export_saved_model(model, tmp_path / "model", image_spec=spec)
    signatures = tf.saved_model.load(str(directory)).signatures
    assert set(signatures) == {"serving_default"}  # of what size is a file?
    for size in (9, 30):
        images = np.random.uniform(size=(2, size, 12, 1)).astype("float32")
        found = signatures["serving_default"](image=tf.constant(images))
        expected = keras_outputs(model, images)["probabilities"]
        np.testing.assert_allclose(found["probabilities"], expected, atol=1e-6)


@pytest.mark.parametrize("batch", [0, 1, 3, 200])
def test_the_batch_is_free(signature, images, batch):
    outputs = signature(image=tf.constant(images[:batch]))
    assert outputs["location"].shape == (batch, 3, 2)


def test_nothing_is_printed(classifier, tmp_path, capfd):
    export_saved_model(classifier, tmp_path / "model")
    assert capfd.readouterr().out == ""


def test_a_folder_that_exists_is_left_alone(classifier, tmp_path):
    with pytest.raises(FileExistsError, match="must not exist yet"):
        export_saved_model(classifier, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_failed_export_leaves_no_folder(classifier, tmp_path, monkeypatch):
    def full(module, directory, signatures):
        (tmp_path / "model").mkdir()
        raise OSError("No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(OSError, match="No space left"):
        export_saved_model(classifier, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_error_of_the_system(
    classifier, tmp_path, monkeypatch
):
    def full(module, directory, signatures):
        (tmp_path / "model").mkdir()
        raise tf.errors.ResourceExhaustedError(None, None, "No space left")

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(OSError, match="cannot be written to .*No space left"):
        export_saved_model(classifier, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_where_the_number_of_items_is_free_nothing_is_sampled(tmp_path):
    images = keras.Input((None, None, 1))
    items = keras.layers.Reshape((-1, 4))(keras.layers.Conv2D(4, 3)(images))
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(2), keras.layers.GRUCell(4)
    )
    state = layers.RecurrentAttention(cell, 2)(items)
    model = keras.Model(images, keras.layers.Dense(3)(state))
    spec = tf.TensorSpec((None, None, None, 1))
    export_saved_model(model, tmp_path / "model", image_spec=spec)
    served = tf.saved_model.load(tmp_path / "model").signatures
    assert "sample" not in served
    for size in (8, 11):
        pixels = np.random.default_rng(0).random((2, size, size, 1), "float32")
        found = served["serving_default"](image=tf.constant(pixels))
        expected = tf.nn.softmax(model(pixels))
        np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
