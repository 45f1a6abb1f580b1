import dataclasses

import keras
import pytest
import tensorflow as tf

from keras_attention import models
from keras_attention.training import digits, recipes


@pytest.fixture
def tiny_transformer(tiny, monkeypatch):
    """The recipe `tiny` with a spatial transformer instead of glimpses."""

    def network():
        flat = keras.layers.Flatten
        return models.st_cnn(
            (16, 16, 1), crop_shape=(8, 8), localization=flat(), reader=flat()
        )

    recipe = dataclasses.replace(tiny, network=network, stddev=None)
    monkeypatch.setattr(recipes, "get", lambda name: recipe)
    return recipe


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
