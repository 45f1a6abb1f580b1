"""What canvases of several digits share: who is drawn, and how."""

import tensorflow as tf

# What is drawn beside the first canvas, which uses the seed itself (and 1).
DRAWN = {"second digit": 2, "second canvas": 3, "third digit": 4}


class SeveralDigits:
    """A canvas of several digits around `canvas`, which is for one."""

    @property
    def size(self) -> int:
        """Height and width of the images."""
        return self.canvas.size

    def check(self, digits_images: tf.Tensor) -> None:
        """As of `canvas_sets.AnyCanvas`."""
        self.canvas.check(digits_images)


class SideBySide(SeveralDigits):
    """One where frames of digits have to find place beside each other."""

    def check(self, digits_images: tf.Tensor) -> None:
        """As of `canvas_sets.AnyCanvas`."""
        super().check(digits_images)
        height, width = digits_images.shape[1:]
        if self.size < 3 * max(height, width):
            raise ValueError(
                "`size` of the canvas must be at least three times that of the "
                "digits, for which there is no place side by side. "
                f"Received: size={self.size}, digits of {height}x{width}"
            )


def another(
    digits_images: tf.Tensor,
    indices: tf.Tensor,
    seed: tf.Tensor,
    which: str = "second digit",
) -> tf.Tensor:
    """Draws another digit for each canvas, any of the split.

    Args:
        digits_images: `(N, height, width)`.
        indices: Of the first digits, int32 `(B,)`.
        seed: int32 `(2,)`, of the batch.
        which: Which digit it is, see `DRAWN`.

    Returns:
        Indices, int32 `(B,)`.
    """
    others = tf.random.stateless_uniform(
        tf.shape(indices),
        folded(seed, which),
        maxval=len(digits_images),
        dtype=tf.int32,
        alg="philox",
    )
    return tf.ensure_shape(others, indices.shape)


def folded(seed: tf.Tensor, what: str) -> tf.Tensor:
    """The seed of what is drawn beside the first canvas, see `DRAWN`."""
    return tf.random.experimental.stateless_fold_in(
        seed, DRAWN[what], alg="philox"
    )
