import pytest
import tensorflow as tf

from keras_attention.training import digits


@pytest.fixture(scope="session")
def split():
    """400 digits of 8x8."""
    return digits.load_digits("digits")["test"]


@pytest.fixture(scope="session")
def make(split):
    """Function from a canvas to images, labels and boxes of the split."""

    def make(canvas):
        arrays = canvas.make(
            tf.constant(split.images),
            tf.constant(split.labels),
            tf.range(len(split.labels)),
            tf.constant((3, 5)),
        )
        return [array.numpy() for array in arrays]

    return make
