"""A plain convolutional network on cluttered 60x60: beside `st_cnn_cluttered`.

One convolution more than the transformer's reader, and one pooling: as many
parameters for a larger image. An epoch takes nearly half as long again, so
there are fewer of them.
"""

from dataclasses import replace

import keras

from keras_attention import models

from . import st_cnn_cluttered


def network(
    size: int = 60, units: int = 96, num_classes: int = 10, channels: int = 1
) -> models.ImageModel:
    """The network, from square images to the scores of the classes."""
    images = keras.Input((size, size, channels), name="image")
    x = keras.layers.Conv2D(16, 3, padding="same", use_bias=False)(images)
    x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU()(x)
    features = models.digit_reader(units)(x)
    scores = keras.layers.Dense(num_classes, dtype="float32", name="classifier")
    return models.ImageModel(images, scores(features), name="cnn")


RECIPE = replace(
    st_cnn_cluttered.RECIPE,
    name="cnn_cluttered",
    summary="The canvases of st_cnn_cluttered, a plain convolutional network",
    network=network,
    epochs=21,
)
