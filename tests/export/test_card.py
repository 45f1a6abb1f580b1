import json

import pytest
import tensorflow as tf

from keras_attention.export import card, export_model


@pytest.fixture(scope="module")
def digits_card(exported):
    return json.loads((exported / "model_card.json").read_text("utf-8"))


def test_the_card_describes_input_and_outputs(digits_card):
    assert digits_card["input"]["name"] == "image"
    assert digits_card["input"]["shape"] == [None, 28, 28, 1]
    assert digits_card["input"]["range"] == [0, 1]
    assert digits_card["outputs"]["location"]["shape"] == [None, 3, 2]
    for output in digits_card["outputs"].values():
        assert output["meaning"] != "what the model attended to"


def test_the_card_names_versions_and_caller_data(digits_card):
    assert set(digits_card["versions"]) == {
        "keras_attention",
        "tensorflow",
        "keras",
        "python",
    }
    assert digits_card["metadata"] == {"accuracy": 0.5}
    assert digits_card["name"] == "ram"


def test_the_card_holds_the_sizes_and_the_latency(digits_card, exported, model):
    size = (exported / "model.tflite").stat().st_size
    assert digits_card["files"]["model.tflite"] == size
    assert digits_card["files"]["saved_model/1"] > size
    assert digits_card["parameters"] == model.count_params()
    assert 0.001 < digits_card["latency_ms"] < 1000


def test_classes_without_labels_are_named_by_number(digits_card):
    assert digits_card["labels"] == [str(digit) for digit in range(10)]


def test_labels_are_kept_as_given(classifier, examples, tmp_path, unchecked):
    labels = ["Ü", "b", "c"]
    export_model(classifier, tmp_path, examples=examples, labels=labels)
    text = (tmp_path / "model_card.json").read_text("utf-8")
    assert json.loads(text)["labels"] == labels


def test_a_wrong_number_of_labels_is_refused(classifier, examples, tmp_path):
    with pytest.raises(ValueError, match="the model's 3 classes. Received: 2"):
        export_model(
            classifier, tmp_path / "out", examples=examples, labels=["a", "b"]
        )
    assert not list(tmp_path.iterdir())


def test_the_latency_of_a_batch_is_told_as_such(
    classifier, examples, tmp_path, unchecked
):
    made = export_model(
        classifier,
        tmp_path,
        examples=examples,
        image_spec=tf.TensorSpec((2, 6, 6, 1)),
    )
    assert made["latency"].startswith("median of 2 images at once through")


@pytest.mark.parametrize(
    "metadata", [{"a": object()}, {"a": float("nan")}, ["a"]]
)
def test_metadata_that_is_no_json_object_is_refused(metadata):
    with pytest.raises(ValueError, match="`metadata` must be a dict"):
        card.checked_metadata(metadata)


def test_prefixed_outputs_are_explained_with_their_layer():
    meaning = card._meaning("coarse_location_mean")
    assert meaning == card.MEANINGS["location_mean"] + " (layer coarse)"
    assert card._meaning("other") == "what the model attended to"


def test_the_card_says_what_each_kind_of_file_costs(digits_card, exported):
    kinds = digits_card["tflite"]
    assert set(kinds) == {
        "model.tflite",
        "model_float16.tflite",
        "model_dynamic_range.tflite",
        "model_int8.tflite",
    }
    for name, kind in kinds.items():
        assert kind["bytes"] == (exported / name).stat().st_size
        assert 0 <= kind["accuracy"] <= 1
        assert 0 < kind["latency_ms"] < 1000
    assert kinds["model.tflite"]["class_agreement"] == 1


def test_the_card_says_what_an_image_of_each_dtype_means():
    assert card.RANGES["float32"]["range"] == [0, 1]
    assert card.RANGES["uint8"]["range"] == [0, 255]
