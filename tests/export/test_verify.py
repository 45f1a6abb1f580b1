import keras
import numpy as np
import pytest

from keras_attention.export import ExportError, load_exported, verify


def test_all_files_agree_with_keras_on_200_real_images(exported, images):
    parity = load_exported(exported).card["parity"]
    assert parity["examples"] == len(images)
    assert parity["classes_identical"] is True
    assert parity["largest_difference"] < 1e-5
    names = {"probabilities", "class", "location", "location_mean"}
    more = {"step_probabilities", "squares", "glimpses"}
    expected = {
        "serving_default": names,
        "sample": names,
        "explain": names | more,
    }
    outputs = {
        file: {name: set(found) for name, found in parity[file].items()}
        for file in ("saved_model", "model.tflite", "onnx")
    }
    assert outputs["model.tflite"] == expected
    assert outputs["saved_model"] == {**expected, "serve_bytes": names}
    assert outputs["onnx"] == {"serving_default": names}


def test_a_difference_is_the_greatest_of_each_example():
    reference = {"location": np.zeros((2, 3, 2))}
    outputs = {"location": np.zeros((2, 3, 2))}
    outputs["location"][1, 2, 0] = -0.5
    found = verify.differences(reference, outputs)
    assert found["location"].tolist() == [0, 0.5]


def test_a_difference_of_what_is_large_is_relative():
    reference, outputs = {"grid": [[0.5, -400.0]]}, {"grid": [[0.5, -404.0]]}
    reference, outputs = (
        {name: np.array(value) for name, value in one.items()}
        for one in (reference, outputs)
    )
    assert verify.differences(reference, outputs)["grid"].tolist() == [0.01]


@pytest.mark.parametrize("outputs", [{}, {"class": np.zeros((2, 1))}])
def test_a_missing_or_misshapen_output_is_infinitely_different(outputs):
    found = verify.differences({"class": np.zeros(2)}, outputs)
    assert found["class"].tolist() == [np.inf, np.inf]


def test_beyond_the_tolerance_are_large_differences_and_nan():
    found = {
        "probabilities": np.array([0, 0.9e-4, 1.1e-4, np.nan, 0]),
        "class": np.array([0, 0, 0, 0, 1]),
    }
    assert verify.exceeding(found).tolist() == [2, 3, 4]


def test_another_model_is_found_out(exported, model, images):
    other = keras.models.clone_model(model)
    with pytest.raises(ExportError) as caught:
        verify.verify_export(
            other, {"file": exported / "model.tflite"}, images[:5]
        )
    said = str(caught.value)
    assert "The file differs from the Keras model in 5 of 5" in said
    assert "Made to look at the same places" not in said


def outputs_of_looking_at(model, images, location):
    outputs = verify.serve(model, images, location=location)
    return {name: value.numpy() for name, value in outputs.items()}


def test_locations_that_rounding_moved_are_told_from_a_wrong_file(
    model, images
):
    # A file that looks half an image away, and computes the rest right.
    location = np.full((2, 3, 2), 0.5, "float32")
    right = outputs_of_looking_at(model, images[:2], location)
    wrong = {**right, "probabilities": right["probabilities"] + 0.1}
    numbers = np.array([0, 1])
    diagnosis = verify._diagnosis(model, images, [right, right], numbers)
    assert "the file is right and rounding moved" in diagnosis
    assert not verify._diagnosis(model, images, [right, wrong], numbers)
    del right["location_mean"]
    assert not verify._diagnosis(model, images, [right, right], numbers)


@pytest.mark.parametrize("shape", [(0, 6, 6, 1), (6, 6, 1), ()])
def test_no_examples_are_refused(classifier, shape):
    with pytest.raises(ValueError, match="must hold at least one image"):
        verify.checked_examples(classifier, np.zeros(shape))


def test_examples_of_another_size_are_refused(classifier):
    with pytest.raises(ValueError, match="must fit the model"):
        verify.checked_examples(classifier, np.zeros((1, 5, 6, 1)))


def test_uint8_examples_stand_for_0_to_255(classifier):
    examples = verify.checked_examples(
        classifier, np.full((1, 6, 6, 1), 255, "uint8")
    )
    assert examples.dtype == np.float32
    assert (examples == 1).all()
