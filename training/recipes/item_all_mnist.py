"""MNIST as 16 patches, all of which are read at once.

What `item_hard_mnist` is compared with: no attention. Trained for as many
epochs, in less time: it has all training digits right after half of them.
"""

from dataclasses import replace

import keras

from keras_attention import models

from . import item_hard_mnist


def network() -> models.ImageModel:
    """The network, from 28x28 images to ten scores."""
    images = keras.Input((28, 28, 1), name="image")
    x = keras.layers.Flatten()(item_hard_mnist.items(images))
    x = keras.layers.Dense(200, "relu")(x)
    scores = keras.layers.Dense(10, dtype="float32", name="classifier")(x)
    return models.ImageModel(images, scores, name="item_all")


RECIPE = replace(
    item_hard_mnist.RECIPE,
    name="item_all_mnist",
    summary="MNIST 28x28 as 16 patches of 7x7, all are read",
    network=network,
)
