"""Three digits in a row, all to be read (Soenderby et al. 2015)."""

from dataclasses import dataclass, field

import tensorflow as tf

from .canvases import (
    DIGITS,
    Canvas,
    added,
    below,
    distractors,
    ink_boxes,
    placed,
)
from .several import SideBySide, another


@dataclass(frozen=True)
class RowCanvas(SideBySide):
    """Three digits on a line that rises or falls, among pieces of others.

    They are drawn uniformly from the split, and are equally far apart: from
    one to the next it is at least a frame, at most what fits three times, and
    up or down by at most as much, so that the line rises by up to 45 degrees.
    The labels are the three digits from left to right, `(B, 3)`, the boxes,
    `(B, 3, 4)`, those of their ink.

    Attributes:
        canvas: Size and pieces; three digits wide at least.
    """

    canvas: Canvas = field(default_factory=lambda: Canvas(100, 8, 9))

    class_names = DIGITS

    def make(
        self,
        digits_images: tf.Tensor,
        labels: tf.Tensor,
        indices: tf.Tensor,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """As of `canvas_sets.AnyCanvas`; labels `(B, 3)`."""
        words = tf.random.stateless_uniform(
            (tf.shape(indices)[0], 4 + 5 * self.canvas.num_distractors),
            seed,
            minval=None,
            maxval=None,
            dtype=tf.uint32,
            alg="philox",
        )
        which = [
            indices,
            another(digits_images, indices, seed, "second digit"),
            another(digits_images, indices, seed, "third digit"),
        ]
        digits = [tf.gather(digits_images, one) for one in which]
        places = self._places(words[:, :4], max(digits_images.shape[1:]))
        parts = [
            placed(one, *place, self.size)
            for one, place in zip(digits, places, strict=True)
        ]
        if self.canvas.num_distractors:
            parts.append(distractors(digits_images, self.canvas, words[:, 4:]))
        pixels, offsets = (
            tf.concat(part, 1) for part in zip(*parts, strict=True)
        )
        boxes = [
            ink_boxes(one, *place, self.size)
            for one, place in zip(digits, places, strict=True)
        ]
        return (
            added(pixels, offsets, self.size),
            tf.stack([tf.gather(labels, one) for one in which], axis=1),
            tf.stack(boxes, axis=1),
        )

    def _places(
        self, words: tf.Tensor, side: int
    ) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Column and row where each digit starts, int32 `(B,)` each.

        Args:
            words: Random uint32 `(B, 4)`.
            side: Of the digits' frames.
        """
        free = self.size - 3 * side
        step = side + below(words[:, 0], free // 2 + 1)
        rise = below(words[:, 1], 2 * step + 1) - step
        x = below(words[:, 2], self.size - side - 2 * step + 1)
        y = below(words[:, 3], self.size - side - 2 * tf.abs(rise) + 1)
        y += tf.maximum(-2 * rise, 0)
        return [(x + i * step, y + i * rise) for i in range(3)]
