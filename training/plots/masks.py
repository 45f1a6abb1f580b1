"""Masks: weights over the places of a map, or over items, on the image."""

import keras
import numpy as np

from ..looking import Looked
from . import marks
from .rows import Row, Step
from .shown import Shown

# Of what is looked at, and of what is not looked at at all.
GLOW = np.array([1.0, 0.55, 0.0])
LONGEST = 240  # side, in pixels, to which a mask and its image are enlarged


def mask_row(looked: Looked, index: int, shown: Shown) -> Row:
    """The row of an image under soft masks, enlarged smoothly."""
    steps = [
        Step([_glowing(shown.pixels, mask, "bicubic")], caption=_peak(mask))
        for mask in looked.masks()[index]
    ]
    return Row(shown.pixels, steps)


def item_row(looked: Looked, index: int, shown: Shown) -> Row:
    """The row of an image whose items are weighed or chosen.

    Items that are patches of the image are shown there, chosen ones framed;
    of others the weights are shown side by side.
    """
    if looked.geometry["item_grid"] is None:
        return _row_of_other_items(looked, index, shown)
    masks = looked.masks()[index]
    if "indices" not in looked.attention:
        steps = [
            Step([_glowing(shown.pixels, mask, "nearest")], caption=_peak(mask))
            for mask in masks
        ]
        return Row(shown.pixels, steps)
    steps = []
    for mask, indices in zip(
        masks, looked.attention["indices"][index], strict=True
    ):
        cells = [
            _cell(i, mask.shape, looked.image_shape) for i in indices if i >= 0
        ]
        steps.append(Step([_lit(shown.pixels, mask)], outlines=cells))
    return Row(shown.pixels, steps)


def _row_of_other_items(looked: Looked, index: int, shown: Shown) -> Row:
    weights = looked.attention["attention_weights"][index]  # (T, N)
    steps = [Step([_profile(now)], caption=_peak(now)) for now in weights]
    if "indices" in looked.attention:
        chosen = looked.attention["indices"][index]
        steps = [
            Step([_profile(now)], caption=", ".join(str(i) for i in indices))
            for now, indices in zip(weights, chosen, strict=True)
        ]
    return Row(shown.pixels, steps, note=f"{weights.shape[-1]} items")


def _glowing(
    pixels: np.ndarray, mask: np.ndarray, interpolation: str
) -> np.ndarray:
    """An image in grey that glows where the mask is, the more the higher."""
    pixels = _enlarged(pixels, interpolation="nearest")
    mask = np.nan_to_num(mask)[..., None]
    mask = mask / max(float(mask.max()), 1e-9)
    # Cubics overshoot.
    mask = np.clip(_resized(mask, pixels.shape[:2], interpolation), 0, 1)
    grey = pixels[..., :3].mean(axis=-1, keepdims=True)
    # Not as bright as the glow, which stands out on white images too.
    dim, bright = 0.1 + 0.55 * grey, GLOW * (0.6 + 0.4 * grey)
    return dim + 0.85 * mask * (bright - dim)


def _lit(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """An image that lies in fog outside the chosen cells."""
    pixels = _enlarged(pixels, interpolation="nearest")[..., :3]
    chosen = _resized(mask[..., None], pixels.shape[:2], "nearest") > 0
    return np.where(chosen, pixels, 0.35 + 0.45 * pixels)


def _enlarged(pixels: np.ndarray, interpolation: str) -> np.ndarray:
    height, width = pixels.shape[:2]
    times = max(1, LONGEST // max(height, width))
    return _resized(pixels, (height * times, width * times), interpolation)


def _resized(
    values: np.ndarray, size: tuple[int, int], interpolation: str
) -> np.ndarray:
    resized = keras.ops.image.resize(values, size, interpolation=interpolation)
    return keras.ops.convert_to_numpy(resized)


def _profile(weights: np.ndarray) -> np.ndarray:
    """Weights as bars side by side, (h, w, 3), the greatest of full height."""
    height = np.linspace(1, 0, 60, endpoint=False)[:, None]
    filled = weights[None] / max(float(weights.max()), 1e-9) >= height
    bars = np.where(filled[..., None], GLOW * 0.9, 0.95)
    times = max(1, 60 // len(weights))
    return np.repeat(bars, times, axis=1)


def _cell(
    index: int, grid: tuple[int, int], image_shape: tuple[int, int]
) -> np.ndarray:
    """Corners of a cell of a grid over the image, in pixels."""
    row, column = divmod(int(index), grid[1])
    height, width = image_shape[0] / grid[0], image_shape[1] / grid[1]
    x, y = column * width - 0.5, row * height - 0.5
    return marks.rectangle((x, y, x + width, y + height))


def _peak(weights: np.ndarray) -> str:
    return f"max {weights.max():.0%}"
