"""What a model answers where its hard attention samples, given the noise."""

import keras
import tensorflow as tf

import keras_attention
from keras_attention.policies import noise

from .serving import answer


def sample(
    model: keras.Model, images: tf.Tensor, numbers: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Calls a classifier with the choices that random numbers decide.

    The same numbers always give the same answer, everywhere.

    Args:
        model: keras model, (B, H, W, C) images to (B, K) scores.
        images: (B, H, W, C), float32 in [0, 1].
        numbers: (B, M) float32, independent and uniform in (0, 1), with
            M = `num_numbers(model, images)`.

    Returns:
        As `serving.serve`.

    Raises:
        ValueError: if there are too few numbers.
    """
    columns = noise.Columns(numbers)
    with noise.given(columns), keras_attention.policy("sample"):
        return answer(model, images)


def num_numbers(model: keras.Model, images: tf.Tensor) -> int:
    """How many random numbers a model takes for one image; 0 for none.

    Args:
        model: keras model, images to scores.
        images: (B, H, W, C), float32.

    Raises:
        ValueError: if that depends on the image.
    """
    count = noise.Columns()
    with noise.given(count), keras_attention.policy("sample"):
        answer(model, images)
    return count.taken
