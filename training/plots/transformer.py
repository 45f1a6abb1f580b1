"""Spatial transformers: the outline of a crop on the image, and the crop."""

import numpy as np

from keras_attention import ops

from ..looking import Looked
from .rows import Row, Step
from .shown import Shown


def transformer_row(looked: Looked, index: int, shown: Shown) -> Row:
    """The row of an image of which crops were taken.

    Several crops that are taken at once, outside a loop, are told apart as
    steps are.
    """
    outlines = looked.outlines()[index]  # (T, n, P, 2)
    crops = _crops(looked, index, shown)
    if len(outlines) == 1:
        outlines, crops = outlines[0][:, None], crops[0][:, None]
    steps = [
        Step([shown.of(crop) for crop in seen], outlines=there)
        for seen, there in zip(crops, outlines, strict=True)
    ]
    # The corner that is the top left one of the crop joins nothing: no path.
    return Row(shown.pixels, steps)


def _crops(looked: Looked, index: int, shown: Shown) -> np.ndarray:
    """(T, n, H', W', C), read as the layer reads them."""
    geometry = looked.geometry
    theta = looked.attention["theta"][index]  # (T, n, ...)
    flat = theta.reshape(-1, *theta.shape[2:])
    grid = ops.sampling_grid(
        flat,
        geometry["output_shape"],
        geometry["transform"],
        geometry["align_corners"],
    )
    images = np.repeat(shown.raw[None], len(flat), axis=0)
    if geometry.get("antialias"):  # older model cards do not tell
        images = ops.antialias(images, grid, geometry["align_corners"])
    crops = ops.grid_sample(
        images,
        grid,
        geometry["interpolation"],
        geometry["padding"],
        geometry["align_corners"],
        geometry["fill_value"],
    ).numpy()
    return crops.reshape(*theta.shape[:2], *crops.shape[1:])
