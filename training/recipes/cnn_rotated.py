"""A plain convolutional network on R: beside `st_cnn_rotated`.

The transformer's reader on the whole image, with as many parameters as both.
It takes three quarters of the time, so it sees a third more images.
"""

from dataclasses import replace

import keras

from keras_attention import models

from . import st_cnn_rotated


def network(units: int = 80) -> models.ImageModel:
    """The network, from 28x28 images to ten scores."""
    images = keras.Input((28, 28, 1), name="image")
    features = models.digit_reader(units)(images)
    scores = keras.layers.Dense(10, dtype="float32", name="classifier")
    return models.ImageModel(images, scores(features), name="cnn")


RECIPE = replace(
    st_cnn_rotated.RECIPE,
    name="cnn_rotated",
    summary="The canvases of st_cnn_rotated, a plain convolutional network",
    network=network,
    epochs=52,
)
