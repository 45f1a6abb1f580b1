"""A plain convolutional network on cluttered 60x60: beside `st_cnn_cluttered`.

One convolution more than the transformer's reader, and one pooling: as many
parameters for a larger image.
"""

import keras

from keras_attention import models

from ..recipe import Recipe
from . import st_cnn_cluttered


def network(size: int = 60) -> models.ImageModel:
    """The network, from square images to ten scores."""
    images = keras.Input((size, size, 1), name="image")
    x = keras.layers.Conv2D(16, 3, padding="same", use_bias=False)(images)
    x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU()(x)
    features = models.digit_reader()(x)
    scores = keras.layers.Dense(10, dtype="float32", name="classifier")
    return models.ImageModel(images, scores(features), name="cnn")


RECIPE = Recipe(
    name="cnn_cluttered",
    summary="The canvases of st_cnn_cluttered, a plain convolutional network",
    source="mnist",
    canvas=st_cnn_cluttered.RECIPE.canvas,
    network=network,
    epochs=30,
    steps_per_epoch=430,
    stddev=None,
    jit_compile=False,
)
