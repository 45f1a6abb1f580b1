import keras
import numpy as np
import pytest

from keras_attention import layers, models


def small_images(batch=8, channels=1):
    generator = np.random.default_rng(0)
    return generator.random((batch, 9, 8, channels), "float32")


def small_core(images, num_glimpses=2, seed=3, **policy):
    cell = layers.GlimpseCell(
        4,
        core=keras.layers.SimpleRNNCell(8, "relu"),
        glimpse_network=layers.GlimpseNetwork(5, 6, 7),
        location_policy=layers.GaussianLocationPolicy(seed=seed, **policy),
    )
    look = layers.RecurrentAttention(cell, num_glimpses, name="look")
    return look(images)


@pytest.fixture
def images():
    return small_images()


@pytest.fixture
def labels():
    return np.arange(8) % 3


@pytest.fixture
def make_model():
    """Makes a small functional model, compiled."""

    def make(optimizer="sgd", num_glimpses=2, compile_with=None, **arguments):
        images = keras.Input((9, 8, 1))
        scores = keras.layers.Dense(3, dtype="float32", name="classifier")(
            small_core(images, num_glimpses)
        )
        model = models.ReinforceModel(images, scores, **arguments)
        model.compile(
            optimizer,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            **(compile_with or {}),
        )
        return model

    return make
