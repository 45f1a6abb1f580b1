import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from keras_attention import layers
from keras_attention.export import export_tflite, verify


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


def test_it_runs_where_there_is_no_tensorflow(exported, model, images):
    blocked = (
        *("tensorflow", "keras", "tensorflow_probability"),
        *("tf_keras", "keras_attention"),
    )
    runs, _ = verify.run_in_clean_process(
        exported / "model.tflite", images[:8], blocked
    )
    expected = verify.keras_outputs(model, images[:8])
    for outputs in runs:
        for name, value in expected.items():
            np.testing.assert_allclose(outputs[name], value, atol=1e-5)


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
