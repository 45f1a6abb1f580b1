"""What comes with the page to try: images, and digits to cut pieces from."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Samples:
    """Ready-made images, and what the page needs to make more like them.

    Attributes:
        images: uint8 (N, H, W, C), images as the model takes them.
        labels: N numbers of their classes.
        digits: uint8 (M, h, w), bright ink on black: what the model learned
            to read, alone. Clutter is cut out of it, and its size is the
            size to draw in.
        piece_size: side of a piece of clutter, in pixels; 0 for none.
        num_pieces: how many pieces lie on an image.
    """

    images: np.ndarray
    labels: np.ndarray
    digits: np.ndarray
    piece_size: int = 0
    num_pieces: int = 0

    def __post_init__(self):
        """Checks shapes and dtypes."""
        images, digits = self.images, self.digits
        if images.ndim != 4 or images.dtype != np.uint8:
            raise ValueError(
                "`images` must be uint8 (N, height, width, channels). "
                f"Received: {_described(images)}"
            )
        if np.shape(self.labels) != images.shape[:1]:
            raise ValueError(
                "There must be one of `labels` for each image. Received: "
                f"{len(images)} images, labels of shape "
                f"{np.shape(self.labels)}"
            )
        if digits.ndim != 3 or digits.dtype != np.uint8 or not len(digits):
            raise ValueError(
                "`digits` must be uint8 (M, height, width), M at least 1. "
                f"Received: {_described(digits)}"
            )
        if not 0 <= self.piece_size <= min(digits.shape[1:]):
            raise ValueError(
                "`piece_size` must be between 0 and the size of the digits. "
                f"Received: piece_size={self.piece_size}, digits of "
                f"{digits.shape[1]}x{digits.shape[2]}"
            )


def ink_size(digits: np.ndarray) -> float:
    """The larger side of the box around the ink of a digit, on average.

    Args:
        digits: uint8 (M, h, w), bright ink on black.

    Example:
    >>> digits = np.zeros((1, 40, 40), "uint8")
    >>> digits[:, 5:35, 19:22] = 255
    >>> ink_size(digits)
    30.0
    """
    ink = digits >= 128
    return float(
        np.maximum(_extent(ink.any(axis=2)), _extent(ink.any(axis=1))).mean()
    )


def stroke_width(digits: np.ndarray) -> float:
    """How wide the strokes of digits are, in pixels.

    A stroke of length l and width w has the area l * w and an edge of length
    2 * l. Edges are counted along pixels, which makes those of a circle 4 / pi
    times as long as they are.

    Args:
        digits: uint8 (M, h, w), bright ink on black.

    Example:
    >>> digits = np.zeros((1, 40, 40), "uint8")
    >>> digits[:, 5:35, 19:22] = 255
    >>> round(stroke_width(digits), 1)
    3.5
    """
    ink = np.pad(digits >= 128, ((0, 0), (1, 1), (1, 1)))
    edge = sum(np.diff(ink, axis=axis).sum() for axis in (1, 2))
    return float(2 * ink.sum() / max(edge * np.pi / 4, 1))


def _extent(profiles: np.ndarray) -> np.ndarray:
    """From the first to the last True of each row (M, n): (M,)."""
    first = profiles.argmax(axis=1)
    last = profiles.shape[1] - profiles[:, ::-1].argmax(axis=1)
    return np.where(profiles.any(axis=1), last - first, 0)


def _described(array: Any) -> str:
    return f"shape={array.shape}, dtype={array.dtype}"
