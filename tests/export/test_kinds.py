import numpy as np
import pytest

from keras_attention.export import ExportError, kinds, references


def test_a_file_is_measured_against_keras(exported, model, images, labels):
    file = exported / "model_float16.tflite"
    reference = references.keras_outputs(model, images)
    found = kinds.measured(file, images, reference, labels)
    expected = np.mean(reference["class"] == labels)
    assert found["accuracy"] == pytest.approx(expected, abs=0.02)
    assert found["class_agreement"] > 0.98
    assert found["location_distance"] < 0.01
    assert found["bytes"] == file.stat().st_size


def test_agreement_and_distance_are_those_of_another_answer(
    exported, model, images
):
    reference = references.keras_outputs(model, images)
    reference["class"][:50] = -1  # a quarter of the classes
    reference["location"][:, 1, 0] += 0.25
    found = kinds.measured(exported / "model.tflite", images, reference)
    assert found["class_agreement"] == 0.75
    assert found["location_distance"] == pytest.approx(0.25, abs=1e-4)
    assert "accuracy" not in found


def test_a_loss_beyond_what_is_allowed_is_refused():
    measured = {"model_int8.tflite": {"accuracy": 0.9449}}
    with pytest.raises(ExportError, match=r"int8.*loses 0.51 points.*94.49%"):
        kinds.check_accuracy(measured, 0.95, 0.5)
    kinds.check_accuracy(measured, 0.95, 0.52)
    kinds.check_accuracy(measured, 0.90, 0.0)
