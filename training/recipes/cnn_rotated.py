"""A plain convolutional network on R: beside `st_cnn_rotated`.

The transformer's reader on the whole image.
"""

import keras

from keras_attention import models

from ..recipe import Recipe
from . import st_cnn_rotated


def network() -> models.ImageModel:
    """The network, from 28x28 images to ten scores."""
    images = keras.Input((28, 28, 1), name="image")
    features = models.digit_reader()(images)
    scores = keras.layers.Dense(10, dtype="float32", name="classifier")
    return models.ImageModel(images, scores(features), name="cnn")


RECIPE = Recipe(
    name="cnn_rotated",
    summary="The canvases of st_cnn_rotated, a plain convolutional network",
    source="mnist",
    canvas=st_cnn_rotated.RECIPE.canvas,
    network=network,
    epochs=40,
    steps_per_epoch=430,
    stddev=None,
    jit_compile=False,
)
