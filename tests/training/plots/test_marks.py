import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_attention.training.plots import marks


def luminance(colour):
    return np.array(colour[:3]) ** 2.2 @ [0.2126, 0.7152, 0.0722]


def image_axes(side=100):
    figure = Figure(figsize=(3, 3), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    marks.show(axes, np.zeros((side, side, 3)))
    return axes


def numbers(axes):
    return {text.get_text(): text.get_position() for text in axes.texts}


@pytest.mark.parametrize("num_steps", [2, 6, 12])
def test_colours_fall_evenly_in_lightness(num_steps):
    light = [
        luminance(marks.step_colour(step, num_steps))
        for step in range(num_steps)
    ]
    assert (np.diff(light) < 0).all()
    assert light[0] > 4 * light[-1]


@pytest.mark.parametrize("step", range(12))
def test_a_number_has_contrast_with_its_ground(step):
    colour = marks.step_colour(step, 12)
    ink = {marks.DARK: 0.01, marks.LIGHT: 1.0}[marks.readable_on(colour)]
    high, low = sorted([luminance(colour), ink], reverse=True)
    assert (high + 0.05) / (low + 0.05) > 4


def test_numbers_of_looks_at_one_place_stand_beside_each_other():
    axes = image_axes()
    square = marks.rectangle((20, 20, 50, 50))
    marks.numbers(axes, [(square, step) for step in range(12)], 12)
    places = np.array(list(numbers(axes).values()))
    assert len(places) == 12
    # 9 points are 12.5 pixels of 300: 4.2 of the image's 100.
    for one, other in itertools.combinations(places, 2):
        assert np.abs(one - other).max() > 4.1
    # All of them on the square.
    at_edge = np.isclose(places, 20, atol=0.1) | np.isclose(
        places, 50, atol=0.1
    )
    assert at_edge.any(axis=1).all()


def test_the_number_of_a_look_far_outside_stands_at_the_edge():
    axes = image_axes()
    marks.numbers(axes, [(marks.rectangle((-900, 40, -880, 60)), 0)], 1)
    (x, y) = numbers(axes)["1"]
    assert 0 < x < 4
    assert 35 < y < 65


def test_a_true_box_is_around_the_outer_pixels_of_the_object():
    axes = image_axes(side=11)
    # The pixels 2 .. 5 across and 4 .. 8 down.
    box = np.array([2, 4, 5, 8]) / 5 - 1
    marks.true_box(axes, box, (11, 11))
    corners = axes.lines[-1].get_xydata()
    np.testing.assert_allclose(corners.min(0), [1.5, 3.5])
    np.testing.assert_allclose(corners.max(0), [5.5, 8.5])
