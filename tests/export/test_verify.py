import keras
import numpy as np
import pytest

from keras_attention.export import ExportError, load_exported, verify
from keras_attention.export.clean_run import Answers
from keras_attention.export.comparison import Comparison


def test_all_files_agree_with_keras_on_200_real_images(exported, images):
    parity = load_exported(exported).card["parity"]
    assert parity["examples"] == len(images)
    assert parity["moved_by_rounding"] == 0
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
        for file in ("saved_model", "model.tflite", "onnx", "web")
    }
    assert outputs["model.tflite"] == expected
    assert outputs["saved_model"] == {**expected, "serve_bytes": names}
    assert outputs["onnx"] == {"serving_default": names}
    assert outputs["web"] == {"serving_default": names | more}


def test_another_model_is_found_out(exported, model, images):
    other = keras.models.clone_model(model)
    with pytest.raises(ExportError) as caught:
        verify.verify_export(
            other, {"file": exported / "model.tflite"}, images[:5]
        )
    with pytest.raises(ExportError, match="The web in serving_default differs"):
        verify.verify_export(
            other, {"web": exported / "model_web.tflite"}, images[:5]
        )
    said = str(caught.value)
    assert "The file in serving_default differs from the Keras model" in said
    assert "in 5 of 5 examples (numbers [0, 1, 2, 3, 4])" in said


def verified(monkeypatch, classifier, examples, num_moved):
    """What is said of a file that moves in some of 200 examples."""
    comparison = Comparison(
        {name: np.zeros(200) for name in ("probabilities", "class")},
        moved=np.arange(200) < num_moved,
        wrong=np.zeros(200, bool),
    )
    run = Answers({"serving_default": ({}, {})}, 1.0)
    monkeypatch.setattr(verify, "run_in_clean_process", lambda *_: run)
    monkeypatch.setattr(verify, "compare", lambda *_: comparison)
    return verify.verify_export(classifier, {"file": None}, examples)


def test_one_of_a_hundred_may_be_moved_by_rounding(
    monkeypatch, classifier, examples
):
    parity = verified(monkeypatch, classifier, examples, 2)
    assert parity["moved_by_rounding"] == 2


def test_more_are_refused(monkeypatch, classifier, examples):
    with pytest.raises(ExportError, match="in 3 of 200 examples"):
        verified(monkeypatch, classifier, examples, 3)


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
