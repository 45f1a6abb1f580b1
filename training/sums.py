"""Two digits whose sum is to be told (Jaderberg et al. 2015, MNIST addition).

Each lies on a canvas of its own, and these are the two channels of an image.
"""

from dataclasses import dataclass, field

import tensorflow as tf

from .several import SeveralDigits, another, folded
from .warps import TurnedCanvas


@dataclass(frozen=True)
class SumCanvas(SeveralDigits):
    """A digit, and another one of the same split, drawn uniformly.

    The label is their sum; the boxes, `(B, 2, 4)`, are those of their ink.

    Attributes:
        canvas: What each of them becomes.
    """

    canvas: TurnedCanvas = field(default_factory=TurnedCanvas)

    class_names = tuple(str(total) for total in range(19))

    def make(
        self,
        digits_images: tf.Tensor,
        labels: tf.Tensor,
        indices: tf.Tensor,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """As of `canvas_sets.AnyCanvas`; two channels."""
        seeds = (seed, folded(seed, "second canvas"))
        digits = (indices, another(digits_images, indices, seed))
        images, sums, boxes = zip(
            *(
                self.canvas.make(digits_images, labels, which, one_seed)
                for which, one_seed in zip(digits, seeds, strict=True)
            ),
            strict=True,
        )
        return tf.concat(images, -1), tf.add_n(sums), tf.stack(boxes, axis=1)
