"""Glimpses: the squares on the image, and what the sensor saw in them."""

import numpy as np

from keras_attention import ops

from ..looking import Looked
from ..pixels import to_places
from . import marks
from .rows import Row, Step
from .shown import Shown


def glimpse_row(looked: Looked, index: int, shown: Shown) -> Row:
    """The row of one image that was looked at through glimpses."""
    num_scales = looked.geometry["num_scales"]
    squares = [looked.squares(k)[index] for k in range(num_scales)]  # (T, 4)
    centres = (squares[0][:, :2] + squares[0][:, 2:]) / 2
    crops = _crops(looked, centres, shown)
    steps = [
        Step(
            panels=crops[t],
            outlines=[marks.rectangle(squares[0][t])],
            faint=[marks.rectangle(edges[t]) for edges in squares[1:]],
        )
        for t in range(looked.num_steps)
    ]
    return Row(shown.pixels, steps, path=centres)


def _crops(
    looked: Looked, centres: np.ndarray, shown: Shown
) -> list[list[np.ndarray]]:
    """What the sensor saw around (T, 2), for each step a list of the scales.

    A sensor that reads a map of features sees what no picture can show: there
    it is the image inside the square.
    """
    num_scales = looked.geometry["num_scales"]
    map_shape = looked.geometry["map_shape"]
    ratio = min(np.array(looked.image_shape) / np.array(map_shape))
    locations = to_places(centres, looked.image_shape).astype("float32")
    crops = ops.glimpse(
        np.repeat(shown.raw[None], len(locations), axis=0),
        locations,
        max(1, round(looked.geometry["glimpse_size"] * ratio)),
        num_scales,
        looked.geometry["interpolation"],
        looked.geometry["fill_value"],
    ).numpy()
    return [
        [shown.of(crop) for crop in np.split(seen, num_scales, axis=-1)]
        for seen in crops
    ]
