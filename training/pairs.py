"""Two digits on one canvas, both to be read (Ba et al. 2015, section 5.1)."""

from dataclasses import dataclass, field

import tensorflow as tf

from .canvases import Canvas, added, below, ink_boxes, placed
from .several import SideBySide, another, folded

# So many places are tried for the second digit.
NUM_TRIES = 16


@dataclass(frozen=True)
class PairCanvas(SideBySide):
    """A digit among pieces of others, and another one beside it.

    The second is drawn uniformly from the same split, and lies anywhere where
    its frame leaves the ink of the first alone; of sixteen places that are
    drawn, at the first where it does. The label is that of the pair whatever
    its order: of digits a <= b, b (b + 1) / 2 + a. The boxes,
    `(B, 2, 4)`, are those of the ink of the first and of the second.

    Attributes:
        canvas: Where the first digit is put; three digits wide at least.
    """

    canvas: Canvas = field(default_factory=lambda: Canvas(100))

    class_names = tuple(
        f"{low} and {high}" for high in range(10) for low in range(high + 1)
    )

    def make(
        self,
        digits_images: tf.Tensor,
        labels: tf.Tensor,
        indices: tf.Tensor,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """As of `canvas_sets.AnyCanvas`."""
        images, one, box = self.canvas.make(
            digits_images, labels, indices, seed
        )
        others = another(digits_images, indices, seed)
        digits = tf.gather(digits_images, others)
        x, y = self._beside(box, digits.shape[1:], seed)
        second = added(*placed(digits, x, y, self.size), self.size)
        sums = tf.cast(images, tf.int32) + tf.cast(second, tf.int32)
        other = tf.gather(labels, others)
        low, high = tf.minimum(one, other), tf.maximum(one, other)
        return (
            tf.cast(tf.minimum(sums, 255), tf.uint8),
            high * (high + 1) // 2 + low,
            tf.stack([box, ink_boxes(digits, x, y, self.size)], axis=1),
        )

    def _beside(
        self, box: tf.Tensor, shape: tuple[int, int], seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Column and row where second digits start, int32 `(B,)` each."""
        height, width = shape
        words = tf.random.stateless_uniform(
            (tf.shape(box)[0], 2, NUM_TRIES),
            folded(seed, "second canvas"),
            minval=None,
            maxval=None,
            dtype=tf.uint32,
            alg="philox",
        )
        x = below(words[:, 0], self.size - width + 1)  # (B, NUM_TRIES)
        y = below(words[:, 1], self.size - height + 1)
        pixels = tf.cast(tf.round((box + 1) * ((self.size - 1) / 2)), tf.int32)
        left, top, right, bottom = tf.split(pixels, 4, axis=1)
        beside = (x > right) | (x + width <= left)
        apart = beside | (y > bottom) | (y + height <= top)
        first = tf.argmax(tf.cast(apart, tf.int32), 1)
        x, y = (tf.gather(one, first, batch_dims=1) for one in (x, y))
        return x, y
