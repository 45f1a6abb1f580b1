import doctest
import json

import numpy as np
import pytest

from keras_attention import export


@pytest.fixture
def outputs():
    """Of two images, three classes and four glimpses."""
    return {
        "class": np.array([2, 0], "int32"),
        "probabilities": np.float32([[0.25, 0.25, 0.5], [0.75, 0.125, 0.125]]),
        "location": np.arange(16, dtype="float32").reshape(2, 4, 2),
        "location_mean": np.zeros((2, 4, 2), "float32"),
    }


def test_each_image_has_its_class_its_probability_and_its_places(outputs):
    assert export.answers(outputs, ["cat", "dog", "bird"]) == [
        {
            "class": 2,
            "label": "bird",
            "probability": 0.5,
            "location": [[0, 1], [2, 3], [4, 5], [6, 7]],
        },
        {
            "class": 0,
            "label": "cat",
            "probability": 0.75,
            "location": [[8, 9], [10, 11], [12, 13], [14, 15]],
        },
    ]


def test_json_holds_an_answer_and_numbers_stand_for_labels(outputs):
    (_, answer) = export.answers(outputs)
    assert json.loads(json.dumps(answer)) == answer
    assert answer["label"] == "0"


def test_places_end_where_it_stopped_early(outputs):
    outputs["num_glimpses"] = np.array([1, 3], "int32")
    lengths = [len(one["location"]) for one in export.answers(outputs)]
    assert lengths == [1, 3]


def test_several_layers_are_told_apart(outputs):
    outputs["coarse_location"] = outputs.pop("location")
    outputs["fine_location"] = np.ones((2, 1, 2), "float32")
    outputs["coarse_num_glimpses"] = np.array([2, 2], "int32")
    answer = export.answers(outputs)[0]
    assert answer["coarse_location"] == [[0, 1], [2, 3]]
    assert answer["fine_location"] == [[1, 1]]


def test_a_model_that_takes_no_glimpses_has_no_places(outputs):
    del outputs["location"], outputs["location_mean"]
    assert set(export.answers(outputs)[0]) == {"class", "label", "probability"}


def test_the_example_shows_what_happens():
    module = __import__("keras_attention.export.answers", fromlist=["answers"])
    assert doctest.testmod(module, extraglobs={"np": np}) == (0, 2)
