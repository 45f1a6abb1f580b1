"""An animated GIF of a model that looks, one frame for each step."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ..looking import look, stepwise_model
from .attention import make_rows
from .layout import draw_rows, pixels
from .rows import Row

if TYPE_CHECKING:
    from PIL.Image import Image


def animation(
    model: keras.Model,
    images: np.ndarray,
    *,
    titles: Sequence[str] | None = None,
    boxes: np.ndarray | None = None,
    milliseconds: int = 700,
    **options: Any,
) -> bytes:
    """Animates what a model looks at: a frame for each step.

    A frame shows the image with the looks up to then, what was seen last, and
    the probabilities of the classes by then. The last frame stays longer; the
    animation starts again for ever.

    Args:
        model: As of `attention`.
        images: (N, H, W, C), as of `attention`, a row of the animation each.
        titles: As of `attention`.
        boxes: As of `attention`.
        milliseconds: Between two frames.
        **options: As of `attention`.

    Returns:
        The bytes of a GIF file.

    Raises:
        ValueError: As `attention`.
    """
    looked = look(stepwise_model(model)[0], images, **options)
    rows = make_rows(looked, images, titles, boxes)
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
