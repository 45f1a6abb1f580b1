"""From places in [-1, 1] to the pixels of an image and back, in NumPy."""

import numpy as np

from keras_attention.ops import regions


def to_pixels(
    places: np.ndarray, size: tuple[int, int], align_corners: bool = True
) -> np.ndarray:
    """Places as (x, y) in pixels, 0 the centre of the first.

    Args:
        places: (..., 2), (x, y).
        size: (H, W) of the image.
        align_corners: As of `regions.to_pixels`.

    Returns:
        (..., 2) in float64.
    """
    places = np.asarray(places, "float64")
    return regions.to_pixels(places, size, align_corners).numpy()


def to_places(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels as places, the inverse of `to_pixels` with `align_corners`.

    Args:
        pixels: (..., 2), (x, y), 0 the centre of the first.
        size: (H, W) of the image; a side of one pixel counts as two.

    Returns:
        (..., 2), (x, y), with -1 and 1 the centres of the first and the last.
    """
    height, width = size
    return 2 * pixels / np.maximum([width - 1, height - 1], 1) - 1
