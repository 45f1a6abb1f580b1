import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models
from keras_attention.models import known_places
from keras_attention.models.hard_attention import hard_attention


def small_images(batch=8, channels=1):
    generator = np.random.default_rng(0)
    return generator.random((batch, 9, 8, channels), "float32")


@keras.saving.register_keras_serializable("tests")
class Glance(keras.layers.Layer):
    """A sensor that is traced in no time: the brighter, the farther down."""

    def call(self, images, locations):
        brightness = 1 + locations @ [[0.3], [0.6]]
        return images[:, :4, :4] * brightness[:, :, None, None]


def look(num_glimpses=2, sensor=None, **arguments):
    cell = layers.GlimpseCell(
        sensor or Glance(),
        core=keras.layers.SimpleRNNCell(8, "relu"),
        glimpse_network=layers.GlimpseNetwork(5, 6, 7),
        location_policy=layers.GaussianLocationPolicy(seed=3),
    )
    arguments = {"name": "look", **arguments}
    return layers.RecurrentAttention(cell, num_glimpses, **arguments)


@pytest.fixture
def make_look():
    """Makes a small loop of glimpses, through a sensor of no cost."""
    return look


@pytest.fixture
def images():
    return small_images()


@pytest.fixture
def labels():
    return np.arange(8) % 3


@pytest.fixture
def make_model():
    """Makes a small functional model, compiled."""

    def make(
        optimizer="sgd",
        num_glimpses=2,
        compile_with=None,
        sensor=None,
        **arguments,
    ):
        images = keras.Input((9, 8, 1))
        scores = keras.layers.Dense(3, dtype="float32", name="classifier")(
            look(num_glimpses, sensor=sensor)(images)
        )
        model = models.ReinforceModel(images, scores, **arguments)
        model.compile(
            optimizer,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            **(compile_with or {}),
        )
        return model

    return make


@pytest.fixture
def items():
    return np.random.default_rng(1).normal(size=(8, 5, 4)).astype("float32")


@pytest.fixture
def make_items_model():
    """Makes a small model with hard attention over items, outside a loop."""

    def make(compile_with=None, **arguments):
        items = keras.Input((5, 4))
        encoded = keras.layers.Dense(4, name="encoder")(items)
        look = layers.ItemWiseHardAttention(units=4, name="look")
        read = keras.layers.Flatten()(look(encoded))
        scores = keras.layers.Dense(3, dtype="float32", name="classifier")(read)
        model = models.ReinforceModel(items, scores, **arguments)
        model.compile(
            "sgd",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            **(compile_with or {}),
        )
        return model

    return make


@pytest.fixture
def look_at_images():
    """Makes a model with hard attention to places, not compiled."""

    def make(policy=None):
        cell = layers.GlimpseCell(
            layers.GlimpseSensor(4, interpolation="nearest"),
            core=keras.layers.SimpleRNNCell(8, "relu"),
            glimpse_network=layers.GlimpseNetwork(5, 6, 7),
            location_policy=policy or layers.GaussianLocationPolicy(0.3),
            start="learned",
        )
        images = keras.Input((9, 8, 1))
        look = layers.RecurrentAttention(cell, 2, name="look")
        return keras.Model(images, keras.layers.Dense(3)(look(images)))

    return make


@pytest.fixture
def look_at_items():
    """Makes a model with hard attention to items, not compiled."""

    def make():
        cell = layers.AttentionCell(
            layers.ItemWiseHardAttention(units=4), keras.layers.SimpleRNNCell(4)
        )
        items = keras.Input((5, 3))
        look = layers.RecurrentAttention(cell, 2, name="look")
        return keras.Model(items, keras.layers.Dense(3)(look(items)))

    return make


@pytest.fixture
def supervised_loss_of():
    """Of a model and places: the loss, and what was attended to."""

    def loss_of(model, inputs, places, sample_weight=None):
        with keras_attention.record_attention() as attention:
            model(inputs)
        mechanism = hard_attention(model)["look"].mechanism
        loss = known_places.supervised_loss(
            mechanism, attention["look"], places, sample_weight
        )
        return float(loss), attention["look"]

    return loss_of


@pytest.fixture(scope="session")
def two_replicas():
    """One strategy for all: TensorFlow tells their reductions apart by number.

    A second strategy in the same process, with gradients of another shape,
    would count from the start, and fail.
    """
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
