"""Sets of canvases: endless new ones to train on, and fixed ones to test on.

What a digit becomes is up to a canvas: `Canvas` puts it among pieces of other
digits, the canvases of `warps` turn, stretch and bend it, those of `pairs`,
`sums` and `rows` show several. Sets are made of any of them, by explicit seeds.
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tensorflow as tf

from .digits import Digits

# Of a fixed set, how many canvases are made at once. Part of its definition.
CHUNK_SIZE = 500


class AnyCanvas(Protocol):
    """What digits become.

    Attributes:
        size: Height and width of the images.
        class_names: What the labels 0, 1, ... stand for.
    """

    size: int
    class_names: tuple[str, ...]

    def check(self, digits_images: tf.Tensor) -> None:
        """Raises `ValueError` where these digits cannot be put on it."""

    def make(
        self,
        digits_images: tf.Tensor,
        labels: tf.Tensor,
        indices: tf.Tensor,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Makes a batch.

        Args:
            digits_images: uint8 `(N, height, width)`: the digits of one split.
            labels: int32 `(N,)`, theirs.
            indices: int32 `(B,)`: which digit each canvas shows.
            seed: int32 `(2,)`: decides all that is random.

        Returns:
            Images, uint8 `(B, size, size, C)`, of one channel unless said
            otherwise; labels, int32 `(B,)`, or `(B, L)` of what is to be read
            one after the other; boxes, float32 `(B, 4)`, or `(B, M, 4)` of
            M digits, see `canvases`.
        """


@dataclass(frozen=True, eq=False)
class CanvasSet:
    """A set of canvases made once.

    Attributes:
        images: uint8 array, `(N, size, size, C)`.
        labels: int32 array, `(N,)` or `(N, L)`.
        boxes: float32 array, `(N, 4)` or `(N, M, 4)`, see `canvases`.
    """

    images: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray

    def sha256(self) -> str:
        """Returns the hash of images, labels and boxes."""
        digest = hashlib.sha256()
        for array, dtype in (
            (self.images, "u1"),
            (self.labels, "<i4"),
            (self.boxes, "<f4"),
        ):
            digest.update(np.ascontiguousarray(array, dtype).tobytes())
        return digest.hexdigest()


def training_dataset(
    digits: Digits,
    canvas: AnyCanvas,
    batch_size: int,
    seed: int,
    start_step: int = 0,
) -> tf.data.Dataset:
    """Returns endless batches of new canvases.

    Batch i depends on `(seed, i)` alone, so that a run resumed at step i sees
    what it would have seen. Every digit comes once an epoch, in an order of
    that epoch; a batch may straddle epochs and is always full.

    Args:
        digits: The split to train on.
        canvas: What a digit becomes.
        batch_size: Canvases per batch.
        seed: Integer.
        start_step: Number of the first batch.

    Returns:
        A dataset of dicts: `image`, uint8 `(batch_size, size, size, C)`;
        `label`, int32 `(batch_size,)` or `(batch_size, L)`; `box`, float32
        `(batch_size, 4)` or `(batch_size, M, 4)`.
    """
    if batch_size < 1:
        raise ValueError(
            "`batch_size` must be at least 1. Received: "
            f"batch_size={batch_size}"
        )
    if start_step < 0:
        raise ValueError(
            "`start_step` must not be negative. Received: "
            f"start_step={start_step}"
        )
    # Converted here: inside the map they would become part of its graph.
    digits_images = tf.convert_to_tensor(digits.images)
    labels = tf.convert_to_tensor(digits.labels)
    canvas.check(digits_images)

    @tf.autograph.experimental.do_not_convert
    def batch(step: tf.Tensor, indices: tf.Tensor) -> dict[str, tf.Tensor]:
        images, label, boxes = canvas.make(
            digits_images, labels, indices, tf.stack([seed, step])
        )
        return {"image": images, "label": label, "box": boxes}

    steps = tf.data.Dataset.counter(start_step)
    indices = _shuffled_indices(
        len(digits.labels), batch_size, seed, start_step
    )
    # Two workers keep ahead of training and leave it the processor.
    batches = tf.data.Dataset.zip(steps, indices).map(
        batch, num_parallel_calls=2, deterministic=True
    )
    endless = tf.data.experimental.assert_cardinality(
        tf.data.INFINITE_CARDINALITY
    )
    return batches.apply(endless).prefetch(4)


def fixed_set(digits: Digits, canvas: AnyCanvas, seed: int) -> CanvasSet:
    """Puts every digit of a split on one canvas, in order.

    Args:
        digits: The split.
        canvas: What a digit becomes.
        seed: Integer; the same seed means the same set on every machine.

    Returns:
        A `CanvasSet`.
    """
    digits_images = tf.convert_to_tensor(digits.images)
    labels = tf.convert_to_tensor(digits.labels)
    num_digits = len(digits.labels)
    canvas.check(digits_images)

    def chunk(start: tf.Tensor) -> tuple[tf.Tensor, ...]:
        indices = tf.range(start, tf.minimum(start + CHUNK_SIZE, num_digits))
        # Negative, because the seeds of training count up from zero.
        return canvas.make(
            digits_images, labels, indices, tf.stack([seed, -1 - start])
        )

    chunks = tf.data.Dataset.range(0, num_digits, CHUNK_SIZE).map(chunk)
    parts = zip(*chunks.as_numpy_iterator(), strict=True)
    return CanvasSet(*(np.concatenate(part) for part in parts))


def _shuffled_indices(
    num_digits: int, batch_size: int, seed: int, start_step: int
) -> tf.data.Dataset:
    """Returns which digits each batch shows, int32 `(batch_size,)`.

    Batches are cut from one endless row of epochs, each a permutation. (Not
    `index_shuffle`, which needs no array: it knows 256 permutations only.)
    """
    first_epoch, skipped = divmod(start_step * batch_size, num_digits)

    def permutation(epoch: tf.Tensor) -> tf.data.Dataset:
        # Folded, because the canvases of a batch use (seed, step) itself.
        epoch_seed = tf.random.experimental.stateless_fold_in(
            tf.stack([seed, epoch]), 0, alg="philox"
        )
        order = tf.random.experimental.stateless_shuffle(
            tf.range(num_digits), epoch_seed, alg="philox"
        )
        return tf.data.Dataset.from_tensor_slices(order)

    epochs = tf.data.Dataset.counter(first_epoch)
    indices = epochs.flat_map(permutation).skip(skipped)
    return indices.batch(batch_size, drop_remainder=True)
