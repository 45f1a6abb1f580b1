"""One call for a picture of what any model of this package looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ..elsewhere import probabilities
from ..looking import Looked, look, stepwise_model
from .glimpses import glimpse_row
from .layout import draw_rows
from .masks import item_row, mask_row
from .rows import Row
from .shown import Shown
from .transformer import transformer_row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = {
    "glimpses": glimpse_row,
    "mask": mask_row,
    "items": item_row,
    "transformer": transformer_row,
}


def attention(
    model: keras.Model,
    images: np.ndarray,
    *,
    titles: Sequence[str] | None = None,
    boxes: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    **options: Any,
) -> Figure:
    """Draws what a model looks at, and how its answer grows.

    A row for each image: on the left the image with what was looked at, a
    number and a colour for each step; on the right, step by step, what was
    seen there. Of

    - glimpses the squares, the coarser scales thin, and what the sensor saw,
      the finest scale on top;
    - soft masks the image, glowing where the mask is high: the brightest
      glow is the greatest weight, which is written above;
    - items, on their grid, the weights, or the chosen ones in frames;
    - spatial transformers the outline of the crop, and the crop.

    Below each step are the probabilities of the classes by then, where the
    model can tell them (see `models.every_step`).

    Args:
        model: Any Keras model from images to scores of classes with an
            attention layer of this package.
        images: (N, H, W, C), as the model takes them: floating, or uint8.
            Four channels are shown as red, green, blue and opacity; of two,
            or more than four, the mean.
        titles: N lines of text; by default the class it answers.
        boxes: (N, 4), or (N, M, 4) of M objects: true boxes as of
            `training.CanvasSet`, which are drawn dashed; or None.
        class_names: What the classes 0, 1, ... stand for; by default the
            picture tells their numbers.
        **options: `layer`, `item_grid` and `glimpse_size`, as of
            `training.look`.

    Returns:
        The figure; `plots.png(figure)` makes a file of it.

    Raises:
        ValueError: If the model has no attention layer, or the arguments are
            not of one length.
    """
    looked = look(stepwise_model(model)[0], images, **options)
    return draw(
        looked, images, titles=titles, boxes=boxes, class_names=class_names
    )


def draw(
    looked: Looked,
    images: np.ndarray,
    *,
    titles: Sequence[str] | None = None,
    boxes: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
) -> Figure:
    """Draws what was looked at already, as `attention` does.

    Args:
        looked: What `training.look` returned for the images. Where it has
            scores of every step, their probabilities are drawn.
        images: (N, H, W, C), floating or uint8.
        titles: As of `attention`.
        boxes: As of `attention`.
        class_names: As of `attention`.

    Returns:
        The figure.

    Raises:
        ValueError: If the arguments are not of one length.
    """
    return draw_rows(make_rows(looked, images, titles, boxes, class_names))


def make_rows(
    looked: Looked,
    images: np.ndarray,
    titles: Sequence[str] | None,
    boxes: np.ndarray | None,
    class_names: Sequence[str] | None = None,
) -> list[Row]:
    """The rows of a picture; arguments as of `draw`."""
    images = np.asarray(images)
    if titles is None:
        titles = [
            _answer(scores, class_names) for scores in looked.final_scores
        ]
    _check(looked, images, titles=titles, boxes=boxes)
    rows = []
    for i, image in enumerate(images):
        shown = Shown(image)
        row = KINDS[looked.kind](looked, i, shown)
        row.title = titles[i]
        row.note = ", ".join(filter(None, [shown.note, row.note]))
        row.class_names = class_names
        if boxes is not None:
            row.boxes = np.reshape(boxes[i], (-1, 4))
        if looked.scores.ndim == 3:
            row.probabilities = probabilities(looked.scores[i]).numpy()
        rows.append(row)
    return rows


def _answer(scores: np.ndarray, class_names: Sequence[str] | None) -> str:
    best = int(np.argmax(scores))
    name = best if class_names is None else class_names[best]
    return f"read as {name} ({probabilities(scores)[best]:.0%})"


def _check(looked: Looked, images: np.ndarray, **others: Any) -> None:
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            "`images` must have the shape (N, H, W, C), none of them 0. "
            f"Received: images.shape={images.shape}"
        )
    if images.shape[1:3] != tuple(looked.image_shape):
        raise ValueError(
            "`images` must be those that were looked at, of the size "
            f"{tuple(looked.image_shape)}. Received: "
            f"images.shape={images.shape}"
        )
    others = {"looked": looked.final_scores, **others}
    for name, value in others.items():
        if value is not None and len(value) != len(images):
            raise ValueError(
                f"There must be one of `{name}` for each of the "
                f"{len(images)} images. Received: {len(value)}"
            )
