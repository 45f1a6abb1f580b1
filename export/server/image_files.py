"""Reads PNG and JPEG files that clients send."""

import io
from collections.abc import Sequence

import numpy as np

from ..images import read_image

# A file from the network may be refused sooner than one of the user's own: a
# few kilobytes can hold an image that takes seconds and gigabytes to decode.
MAX_PIXELS = 16_000_000


def read_all(files: Sequence[bytes], shape: tuple[int, int, int]) -> np.ndarray:
    """Reads files as `read_image` does.

    Args:
        files: contents of PNG or JPEG files.
        shape: (H, W, C) of the model's images.

    Returns:
        (B, H, W, C) float32 in [0, 1].

    Raises:
        ValueError: if one is damaged, too large, or neither PNG nor JPEG.
    """
    return np.stack([_read(i, file, shape) for i, file in enumerate(files)])


def check_sizes(files: Sequence[bytes]) -> None:
    """Refuses files whose images are too large, without decoding them.

    Raises:
        ValueError: if one is too large, or neither PNG nor JPEG.
    """
    from PIL import Image

    for i, file in enumerate(files):
        try:
            with Image.open(io.BytesIO(file), formats=("PNG", "JPEG")) as image:
                width, height = image.size
        # Pillow's plug-ins raise all kinds of errors on damaged files.
        except Exception as error:
            raise ValueError(
                f"Image {i} is damaged, or neither PNG nor JPEG."
            ) from error
        if width * height > MAX_PIXELS:
            raise ValueError(
                f"Image {i} is too large: at most {MAX_PIXELS} pixels are "
                f"decoded. Received: {width} x {height}"
            )


def _read(i: int, file: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    try:
        return read_image(io.BytesIO(file), shape)
    except ValueError as error:
        reason = f": {error.__cause__}" if error.__cause__ else ""
        raise ValueError(
            f"Image {i} is damaged, or neither PNG nor JPEG{reason}"
        ) from error
