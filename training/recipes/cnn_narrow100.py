"""A narrow plain network on cluttered 100x100: beside `ram_cluttered100`.

It reads images of any size, all of them, with the same weights: the largest of
each feature is what the classifier is given. So narrow, and trained so briefly,
that it makes nearly as many errors as the glimpses, with which its cost is
compared.
"""

from dataclasses import replace

import keras

from keras_attention import models

from . import ram_cluttered100


def network(size: int = 100) -> models.ImageModel:
    """The network, from square images to ten scores."""
    images = keras.Input((size, size, 1), name="image")
    x = images
    for filters in (8, 16, 32):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = keras.layers.MaxPooling2D()(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.Conv2D(32, 3, activation="relu")(x)
    x = keras.layers.GlobalMaxPooling2D()(x)
    scores = keras.layers.Dense(10, dtype="float32", name="classifier")
    return models.ImageModel(images, scores(x), name="cnn")


RECIPE = replace(
    ram_cluttered100.RECIPE,
    name="cnn_narrow100",
    summary="The canvases of ram_cluttered100, a narrow plain network",
    network=network,
    epochs=2,
    stddev=None,
)
