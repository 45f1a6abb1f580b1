"""Every kind of picture beside its golden one, which someone looked at.

Letters are drawn a little otherwise by another FreeType: what is compared is
the mean over squares of pixels, wide enough to hide that, and too small to
hide a line that moved or a number that is not there.
"""

import dataclasses
import pathlib
import runpy

import matplotlib
import numpy as np
import pytest
from PIL import Image

FOLDER = pathlib.Path(__file__).parents[1]
GOLDEN = runpy.run_path(str(FOLDER / "make_golden_pictures.py"))
KINDS = tuple(GOLDEN["KINDS"])

SQUARE = 12  # pixels
LARGEST = 0.11  # difference of the mean of a square, of 1 for black and white


def difference(pixels, name):
    """The largest difference of a square's mean from the golden picture's."""
    golden = np.asarray(
        Image.open(FOLDER / "golden" / f"{name}.png").convert("RGB")
    )
    if pixels.shape != golden.shape:
        return 1.0
    apart = pixels.astype("float64") - golden
    height, width = (side // SQUARE for side in golden.shape[:2])
    apart = apart[: height * SQUARE, : width * SQUARE]
    squares = apart.reshape(height, SQUARE, width, SQUARE, 3)
    return np.abs(squares.mean(axis=(1, 3))).max() / 255


@pytest.mark.parametrize("kind", KINDS)
def test_the_picture_is_the_golden_one(kind):
    assert difference(GOLDEN["picture"](kind), kind) < LARGEST


def test_a_frame_of_an_animation_is_the_golden_one():
    assert difference(GOLDEN["frame"](1), "frame") < LARGEST


@pytest.mark.parametrize("hinting", ["none", "force_autohint"])
def test_letters_of_another_kind_make_no_difference(hinting):
    with matplotlib.rc_context({"text.hinting": hinting}):
        picture = GOLDEN["picture"]("glimpses")
    assert 0 < difference(picture, "glimpses") < LARGEST


def moved(name, by):
    """Moves the second look."""

    def change(looked):
        values = looked.attention[name].copy()
        values[0, 1] += by
        return dataclasses.replace(
            looked, attention={**looked.attention, name: values}
        )

    return change


TWO_PIXELS = 2 * 2 / (GOLDEN["SIDE"] - 1)  # in [-1, 1]
CHANGES = {
    "glimpses": moved("location", TWO_PIXELS),
    "mask": moved("attention_weights", np.eye(8) / 20),
    "items": moved("attention_weights", np.eye(16)[9] / 4),
    "chosen_items": moved("indices", 4),
    "transformer": moved("theta", [[0, 0, TWO_PIXELS], [0, 0, 0]]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_moved_by_two_pixels_makes_a_difference(kind):
    picture = GOLDEN["picture"](kind, CHANGES[kind])
    assert difference(picture, kind) > LARGEST


@pytest.mark.parametrize("kind", ["glimpses", "chosen_items", "transformer"])
def test_a_number_that_is_missing_makes_a_difference(kind, monkeypatch):
    from matplotlib.axes import Axes

    write = Axes.text

    def write_all_but_the_two(self, x, y, text, **font):
        if text != "2":
            write(self, x, y, text, **font)

    monkeypatch.setattr(Axes, "text", write_all_but_the_two)
    assert difference(GOLDEN["picture"](kind), kind) > LARGEST
