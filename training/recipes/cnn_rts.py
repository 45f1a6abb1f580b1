"""A plain convolutional network on RTS: beside `st_cnn_rts`.

One convolution more than the transformer's reader, and one pooling: as many
parameters for a larger image.
"""

import keras

from keras_attention import models

from ..recipe import Recipe
from . import st_cnn_rts


def network() -> models.ImageModel:
    """The network, from 42x42 images to ten scores."""
    images = keras.Input((42, 42, 1), name="image")
    x = keras.layers.Conv2D(16, 3, padding="same", use_bias=False)(images)
    x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU()(x)
    features = models.digit_reader(units=170)(x)
    scores = keras.layers.Dense(10, dtype="float32", name="classifier")
    return models.ImageModel(images, scores(features), name="cnn")


RECIPE = Recipe(
    name="cnn_rts",
    summary="The canvases of st_cnn_rts, a plain convolutional network",
    source="mnist",
    canvas=st_cnn_rts.RECIPE.canvas,
    network=network,
    epochs=36,
    steps_per_epoch=430,
    stddev=None,
    jit_compile=False,
)
