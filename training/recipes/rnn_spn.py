"""A recurrent spatial transformer: three digits in a row, one after the other.

After Soenderby et al. 2015. A convolutional network sees the whole image at an
eighth of its size, in which digits can be found but hardly read, and starts a
GRU. Its state places a crop, a reader reads that, the state goes on, and tells
the digit. No label says where digits are.
"""

import keras

from keras_attention import layers, models

from ..recipe import Recipe
from ..rows import RowCanvas

SIZE, UNITS = 100, 160


def context() -> keras.Sequential:
    """From the image to the first state."""
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            keras.layers.AveragePooling2D(8, padding="same"),
            keras.layers.Conv2D(16, 3, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Conv2D(32, 3, 2, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(UNITS, "tanh"),
        ],
        name="context",
    )


def network() -> models.ImageModel:
    """The network, from 100x100 images to ten scores of each digit."""
    cell = layers.AttentionCell(
        layers.SpatialTransformer(
            keras.layers.Dense(64, "relu"),
            (48, 48),
            transform="attention",
            localize_from="query",
            bounds=(0.2, 0.7),
        ),
        keras.layers.GRUCell(UNITS),
        network=keras.Sequential(
            # The mean of two by two samples: what is in between counts too.
            [keras.layers.AveragePooling2D(2), models.digit_reader()]
        ),
        start=context(),
    )
    images = keras.Input((SIZE, SIZE, 1), name="image")
    states = layers.RecurrentAttention(
        cell, num_glimpses=3, return_sequences=True, name="glimpses"
    )(images)
    scores = keras.layers.Dense(10, dtype="float32", name="classifier")(states)
    return models.ImageModel(images, scores, name="rnn_spn")


RECIPE = Recipe(
    name="rnn_spn",
    summary="Three MNIST digits on a line among 8 pieces of 9x9 on 100x100, "
    "errors per digit, a recurrent transformer",
    source="mnist",
    canvas=RowCanvas(),
    network=network,
    epochs=24,
    steps_per_epoch=430,
)
