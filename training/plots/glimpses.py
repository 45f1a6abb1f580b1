"""Glimpses: the squares on the image, and what the sensor saw in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from keras_attention import layers, ops

from ..looking import Looked
from . import marks
from .layout import draw_rows
from .rows import Row, Step
from .shown import Shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def glimpse_paths(
    images: np.ndarray,
    locations: np.ndarray,
    glimpse_size: int,
    num_scales: int,
    titles: Sequence[str],
) -> Figure:
    """Draws where a model looked that is not here, such as an exported one.

    As `plots.attention` draws it, from the places alone.

    Args:
        images: (N, H, W, C), floating or uint8.
        locations: (N, T, 2), (x, y) in [-1, 1].
        glimpse_size: Side of the crops.
        num_scales: Number of crops in a glimpse.
        titles: N lines of text.

    Returns:
        The figure.

    Raises:
        ValueError: If the arrays do not fit together.
    """
    images, locations = np.asarray(images), np.asarray(locations)
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            "`images` must have the shape (N, H, W, C), none of them 0. "
            f"Received: images.shape={images.shape}"
        )
    if not len(images) == len(locations) == len(titles):
        raise ValueError(
            "`images`, `locations` and `titles` must be of one length. "
            f"Received: {len(images)}, {len(locations)}, {len(titles)}"
        )
    looked = Looked(
        kind="glimpses",
        layer="",
        image_shape=images.shape[1:3],
        scores=np.zeros((len(images), 0)),
        attention={"location": locations},
        geometry={
            "glimpse_size": glimpse_size,
            "num_scales": num_scales,
            "interpolation": "bilinear",
            "fill_value": 0.0,
            "map_shape": images.shape[1:3],
        },
    )
    rows = []
    for i, title in enumerate(titles):
        shown = Shown(images[i])
        row = glimpse_row(looked, i, shown)
        row.title, row.note = title, shown.note
        rows.append(row)
    return draw_rows(rows)


def glimpse_geometry(model: keras.Model) -> dict[str, int] | None:
    """The size and the number of scales of the glimpses of a model.

    None if it takes no glimpses.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, layers.GlimpseSensor):
            return {
                "glimpse_size": layer.glimpse_size,
                "num_scales": layer.num_scales,
            }
    return None


def glimpse_row(looked: Looked, index: int, shown: Shown) -> Row:
    """The row of one image that was looked at through glimpses."""
    num_scales = looked.geometry["num_scales"]
    squares = [looked.squares(k)[index] for k in range(num_scales)]  # (T, 4)
    crops = _crops(looked, index, shown)
    steps = [
        Step(
            panels=crops[t],
            outlines=[marks.rectangle(squares[0][t])],
            faint=[marks.rectangle(edges[t]) for edges in squares[1:]],
        )
        for t in range(looked.num_steps)
    ]
    centres = (squares[0][:, :2] + squares[0][:, 2:]) / 2
    return Row(shown.pixels, steps, path=centres)


def _crops(looked: Looked, index: int, shown: Shown) -> list[list[np.ndarray]]:
    """What the sensor saw, for each step a list of the scales.

    A sensor that reads a map of features sees what no picture can show: there
    it is the image inside the square.
    """
    locations = looked.attention["location"][index]
    num_scales = looked.geometry["num_scales"]
    map_shape = looked.geometry["map_shape"]
    ratio = min(np.array(looked.image_shape) / np.array(map_shape))
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
