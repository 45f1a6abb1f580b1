import numpy as np
import pytest

from keras_attention.export import comparison
from keras_attention.export.comparison import compare
from keras_attention.export.references import Reference


def test_a_difference_is_the_greatest_of_each_example():
    reference = {"location": np.zeros((2, 3, 2))}
    outputs = {"location": np.zeros((2, 3, 2))}
    outputs["location"][1, 2, 0] = -0.5
    found = comparison.differences(reference, outputs)
    assert found["location"].tolist() == [0, 0.5]


def test_a_difference_of_what_is_large_is_relative():
    reference, outputs = {"grid": [[0.5, -400.0]]}, {"grid": [[0.5, -404.0]]}
    reference, outputs = (
        {name: np.array(value) for name, value in one.items()}
        for one in (reference, outputs)
    )
    assert comparison.differences(reference, outputs)["grid"].tolist() == [0.01]


@pytest.mark.parametrize("outputs", [{}, {"class": np.zeros((2, 1))}])
def test_a_missing_or_misshapen_output_is_infinitely_different(outputs):
    found = comparison.differences({"class": np.zeros(2)}, outputs)
    assert found["class"].tolist() == [np.inf, np.inf]


def test_beyond_the_tolerance_are_large_differences_and_nan():
    found = {
        "probabilities": np.array([0, 0.9e-4, 1.1e-4, np.nan, 0]),
        "class": np.array([0, 0, 0, 0, 1]),
    }
    assert comparison.exceeding(found).tolist() == [
        *(False, False, True, True, True)
    ]


def at(which, location):
    """A model that looks twice: up if the first look is right of the centre."""
    count = len(location)
    mean = np.zeros((count, 2, 2))
    mean[:, 1, 1] = np.where(location[:, 0, 0] > 0, -1, 1)
    return {
        "location": location,
        "location_mean": mean,
        "class": (location[:, 1, 1] > 0).astype(int),
        "probabilities": 0.5 + location[:, 1] / 10,
    }


def looking(first):
    """What it answers to images, whose first looks rounding puts there."""
    location = np.zeros((len(first), 2, 2))
    location[:, 0, 0] = first
    location[:, 1, 1] = np.where(location[:, 0, 0] > 0, -1, 1)
    return at(np.ones(len(first), bool), location)


IMAGES = np.zeros((3, 9, 9, 1))


@pytest.fixture
def reference():
    return Reference({"image": IMAGES}, looking(np.zeros(3)), at)


def test_the_same_answers_are_neither_moved_nor_wrong(reference):
    found = compare(reference, looking(np.full(3, -1e-6)))
    assert not found.moved.any()
    assert not found.wrong.any()
    assert found.found["location"].tolist() == [1e-6] * 3


def test_a_look_across_a_border_is_moved_by_rounding(reference):
    found = compare(reference, looking(np.array([0, 1e-6, 0])))
    assert found.moved.tolist() == [False, True, False]
    assert not found.wrong.any()
    # As they are at the same places.
    assert {name: values.max() for name, values in found.found.items()} == (
        dict.fromkeys(reference.outputs, 0)
    )


@pytest.mark.parametrize("name", ["probabilities", "class", "location_mean"])
def test_what_differs_at_the_same_places_is_wrong(reference, name):
    outputs = looking(np.array([0, 1e-6, 0]))
    outputs[name][1:] += 1
    found = compare(reference, outputs)
    assert found.wrong.tolist() == [False, True, True]
    assert not found.moved.any()


def test_a_file_that_looks_elsewhere_than_its_mean_is_wrong(reference):
    location = np.full((3, 2, 2), 0.5)
    found = compare(reference, at(np.ones(3, bool), location))
    assert found.wrong.all()


def test_without_means_nothing_is_moved(reference):
    outputs = looking(np.array([0, 1e-6, 0]))
    del reference.outputs["location_mean"], outputs["location_mean"]
    found = compare(reference, outputs)
    assert found.wrong.tolist() == [False, True, False]


def test_pixels_are_compared_as_shares_of_the_image():
    reference = Reference(
        {"image": IMAGES}, {"squares": np.full((3, 1, 1, 4), 5.0)}, at
    )
    found = compare(reference, {"squares": np.full((3, 1, 1, 4), 5.9)})
    np.testing.assert_allclose(found.found["squares"], 0.1)
