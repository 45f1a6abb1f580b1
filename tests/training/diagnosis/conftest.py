"""Models with faults that are planted by hand, which a diagnosis must find.

An image is 24x24 and black but for one bright square of 6x6. Its class is
how bright the square is. Everything a model needs can be set by hand: where
the square is, is the mean place of what is bright; what it is, is the
brightest thing in view.
"""

import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_attention import layers
from keras_attention.training.diagnosis import diagnose

SIZE, SQUARE = 24, 6
LEVELS = np.array([0.25, 0.5, 0.75, 1.0], "float32")


@pytest.fixture(autouse=True)
def _eagerly():
    """Without tracing, which takes longer than such small models do."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def planted():
    """The data set, the models, and what a diagnosis finds in one."""
    return types.SimpleNamespace(
        squares=squares,
        Find=Find,
        Read=Read,
        glimpse_model=glimpse_model,
        soft_model=soft_model,
        transformer_model=transformer_model,
        item_model=item_model,
        finding=finding,
    )


def squares(num_images=240, hollow=False):
    """A data set; a hollow square has the same grey inside in every class."""
    generator = np.random.default_rng(0)
    labels = np.arange(num_images) % len(LEVELS)
    images = np.zeros((num_images, SIZE, SIZE, 1), "float32")
    places = 3 * generator.integers(0, 7, (num_images, 2))  # (x, y)
    for image, label, (x, y) in zip(images, labels, places, strict=True):
        image[y : y + SQUARE, x : x + SQUARE] = LEVELS[label]
        if hollow:
            image[y + 1 : y + 5, x + 1 : x + 5] = 0.1
    corners = np.concatenate([places, places + SQUARE - 1], axis=1)
    boxes = (2 * corners / (SIZE - 1) - 1).astype("float32")
    return {"images": images, "labels": labels, "boxes": boxes}


@keras.saving.register_keras_serializable("tests")
class Find(keras.layers.Layer):
    """The middle of the bright square, (x, y), from the pixels (B, P)."""

    def __init__(self, blind=False, **kwargs):
        super().__init__(**kwargs)
        self.blind = blind

    def call(self, pixels):
        bright = ops.cast(ops.reshape(pixels, (-1, SIZE, SIZE)) > 0, "float32")
        along = ops.linspace(-1.0, 1.0, SIZE)
        count = ops.sum(bright, axis=(1, 2))
        x = ops.sum(bright * along, axis=(1, 2)) / count
        y = ops.sum(bright * along[:, None], axis=(1, 2)) / count
        return ops.stack([-ops.abs(x) if self.blind else x, y], axis=-1)


class Read(keras.layers.Layer):
    """Scores of the classes: how near the brightest thing is to their level.

    With `confused` it cannot tell the classes 1 and 2 apart: a coin decides
    that depends on nothing that it should depend on.
    """

    def __init__(self, confused=False, **kwargs):
        super().__init__(**kwargs)
        self.confused = confused

    def call(self, seen):
        flat = ops.reshape(seen, (ops.shape(seen)[0], -1))
        scores = -((ops.max(flat, axis=-1, keepdims=True) - LEVELS) ** 2)
        if not self.confused:
            return scores
        where = ops.argmax(flat, axis=-1)
        coin = ops.cast((where * 7919) % 2, "float32") * 1e-3
        pair = ops.maximum(scores[:, 1], scores[:, 2])
        return ops.stack(
            [scores[:, 0], pair + coin, pair + 5e-4, scores[:, 3]], axis=-1
        )


def glimpse_model(where=None, confused=False, glimpse_size=8):
    """One glimpse: the place is chosen from all pixels."""
    images = keras.Input((SIZE, SIZE, 1))
    look = layers.LocationWiseHardAttention(
        glimpse_size,
        location_network=where or Find(),
        location_policy=layers.GaussianLocationPolicy(0.01),
        name="look",
    )
    glimpse = look(images, keras.layers.Flatten()(images))
    return keras.Model(images, Read(confused)(glimpse), name="planted")


def finding(model, dataset=None, **options):
    """The diagnosis, and what its verdict found."""
    found = diagnose(
        model, squares() if dataset is None else dataset, **options
    )
    json.dumps(found, allow_nan=False)
    return found, found["verdict"]["finding"]


def soft_model(sharpness, confused=False):
    """Weights over a map of 8x8; where it is bright they are e^sharpness."""
    images = keras.Input((SIZE, SIZE, 1))
    features = keras.layers.AveragePooling2D(3)(images)
    attend = layers.LocationWiseSoftAttention(units=1)
    model = keras.Model(images, Read(confused)(attend(features)))
    set_score(attend, sharpness)
    return model


def set_score(attend, sharpness):
    """Makes the additive score sharpness * tanh(10 * brightness)."""
    for weight in attend.score.weights:
        weight.assign(np.zeros(weight.shape))
    attend.score.of_items.kernel.assign([[10.0]])
    attend.score.last.kernel.assign([[sharpness]])


def transformer_model(scale, follows=True, confused=False):
    images = keras.Input((SIZE, SIZE, 1))
    where = keras.Sequential([keras.layers.Flatten(), Find()])
    crop = layers.SpatialTransformer(where, (6, 6), transform="attention")
    model = keras.Model(images, Read(confused)(crop(images)))
    kernel, bias = crop.regression.weights
    kernel.assign(np.eye(3)[1:] * follows)
    bias.assign([scale, 0, 0])
    return model


def item_model(sharpness, num_glimpses=3):
    """Chooses an item of 8x8 several times; the state is the last item."""
    images = keras.Input((SIZE, SIZE, 1))
    items = keras.layers.AveragePooling2D(3)(images)
    items = keras.layers.Reshape((-1, 1))(items)
    attend = layers.ItemWiseHardAttention(units=1)
    cell = layers.AttentionCell(
        attend,
        keras.layers.SimpleRNNCell(
            1, None, kernel_initializer="ones", recurrent_initializer="zeros"
        ),
    )
    state = layers.RecurrentAttention(cell, num_glimpses)(items)
    model = keras.Model(images, Read()(state))
    set_score(attend, sharpness)
    return model
