"""An animated GIF of a model that looks, one frame for each step."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..looking import Looked
from .attention import make_rows
from .layout import draw_rows, pixels
from .rows import Row

if TYPE_CHECKING:
    from PIL.Image import Image


def animation(
    looked: Looked,
    images: np.ndarray,
    *,
    titles: Sequence[str] | None = None,
    boxes: np.ndarray | None = None,
    step_scores: np.ndarray | None = None,
    milliseconds: int = 700,
) -> bytes:
    """Animates what was looked at: a frame for each step.

    A frame shows the image with the looks up to then, what was seen last, and
    the probabilities of the classes by then. The last frame stays longer; the
    animation starts again for ever.

    Args:
        looked: What `training.look` returned for the images.
        images: (N, H, W, C), floating or uint8, a row of the animation each.
        titles: As of `attention`.
        boxes: As of `attention`.
        step_scores: (N, T, K), scores of the classes after every step, such
            as `models.every_step(model).predict(images)`; by default those
            of `looked`, if it has them.
        milliseconds: Between two frames.

    Returns:
        The bytes of a GIF file.

    Raises:
        ValueError: If the arguments are not of one length.
    """
    rows = make_rows(looked, images, titles, boxes, step_scores)
    frames = [_frame(rows, t) for t in range(len(rows[0].steps))]
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=[milliseconds] * (len(frames) - 1) + [3 * milliseconds],
        loop=0,
        optimize=True,
    )
    return buffer.getvalue()


def _frame(rows: Sequence[Row], step: int) -> Image:
    from PIL import Image

    figure = draw_rows([dataclasses.replace(row, shown=[step]) for row in rows])
    return Image.fromarray(pixels(figure)).quantize(128)
