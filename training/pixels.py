"""From places in [-1, 1] to the pixels of an image."""

import numpy as np


def to_pixels(
    places: np.ndarray, size: tuple[int, int], align_corners: bool = True
) -> np.ndarray:
    """Places as (x, y) in pixels, 0 the centre of the first.

    Args:
        places: (..., 2), (x, y).
        size: (H, W) of the image.
        align_corners: Whether -1 and 1 are the centres of the first and the
            last pixel, or else the outer edges of these.

    Returns:
        (..., 2) in float64.
    """
    sides = np.array(size[::-1], "float64")
    half = (np.asarray(places, "float64") + 1) / 2
    return half * (sides - 1) if align_corners else half * sides - 0.5
