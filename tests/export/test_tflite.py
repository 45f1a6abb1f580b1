import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_attention import layers
from keras_attention.export import export_tflite, signatures


@pytest.fixture(scope="module")
def runner(exported):
    interpreter = Interpreter(model_path=str(exported / "model.tflite"))
    return interpreter.get_signature_runner("serving_default")


def test_the_signature_has_the_documented_names_and_shapes(runner):
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    assert list(inputs) == ["image"]
    assert inputs["image"]["dtype"] == np.float32
    shapes = {
        name: details["shape_signature"].tolist()
        for name, details in (inputs | outputs).items()
    }
    assert shapes == {
        "image": [-1, 28, 28, 1],
        "probabilities": [-1, 10],
        "class": [-1],
        "location": [-1, 3, 2],
        "location_mean": [-1, 3, 2],
    }


@pytest.mark.parametrize("batch", [1, 3, 200, 2])
def test_the_batch_is_free(runner, images, batch):
    assert runner(image=images[:batch])["location"].shape == (batch, 3, 2)


def test_every_operation_is_builtin(exported, operations):
    names = operations(exported / "model.tflite")
    assert "FULLY_CONNECTED" in names
    assert not [name for name in names if not name.isupper()]  # FlexAdd
    assert not names & {"CUSTOM", "DELEGATE"}


def test_it_has_the_signatures_that_convert(exported):
    interpreter = Interpreter(model_path=str(exported / "model.tflite"))
    assert {
        name: one["inputs"]
        for name, one in interpreter.get_signature_list().items()
    } == {
        "serving_default": ["image"],
        "sample": ["image", "noise"],
        "explain": ["image"],
    }


def test_a_signature_that_does_not_convert_is_left_out(tmp_path, monkeypatch):
    # A place that is a random number is one of those.
    monkeypatch.setattr(
        signatures,
        "sample",
        lambda model, image, noise: {"class": tf.math.erfinv(noise)},
    )
    images = keras.Input((12, 12, 1))
    look = layers.RecurrentAttention(layers.GlimpseCell(4), num_glimpses=1)
    model = keras.Model(images, keras.layers.Dense(2)(look(images)))
    file = export_tflite(model, tmp_path / "model.tflite")
    found = Interpreter(model_path=str(file)).get_signature_list()
    assert set(found) == {"serving_default", "explain"}


@keras.saving.register_keras_serializable("tests")
class Odd(keras.layers.Layer):
    """Needs an operation that TFLite has not."""

    def call(self, inputs):
        return tf.math.erfinv(tf.tanh(inputs))


def test_the_layer_and_the_operation_that_do_not_convert_are_named(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
            Odd(name="my_odd"),
        ]
    )
    with pytest.raises(ValueError, match=r"Erfinv in the layer '.*/my_odd/"):
        export_tflite(model, tmp_path / "model.tflite")
    assert not list(tmp_path.iterdir())


def test_an_unknown_kind_is_refused(classifier, tmp_path):
    with pytest.raises(ValueError, match="dynamic_range, int8. Received: 'x'"):
        export_tflite(classifier, tmp_path / "model.tflite", kind="x")


def test_int8_without_images_to_calibrate_with_is_refused(classifier, tmp_path):
    with pytest.raises(ValueError, match="needs real images to calibrate"):
        export_tflite(classifier, tmp_path / "model.tflite", kind="int8")


def test_a_loop_that_does_not_convert_is_explained(tmp_path):
    images = keras.Input((12, 12, 1))
    look = layers.RecurrentAttention(
        layers.GlimpseCell(4), num_glimpses=3, unroll=False
    )
    model = keras.Model(images, keras.layers.Dense(2)(look(images)))
    with pytest.raises(ValueError, match="Loops convert if they are unrolled"):
        export_tflite(model, tmp_path / "model.tflite")
    assert not list(tmp_path.iterdir())


def test_a_file_that_exists_is_replaced(classifier, tmp_path):
    file = tmp_path / "model.tflite"
    file.write_text("old")
    export_tflite(classifier, file)
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]
    assert file.stat().st_size > 500
