"""Soft attention over items: MNIST as 16 patches, four weighted means.

What `item_hard_mnist` is compared with: every look reads all patches, each as
much as its weight. Trained for as many epochs, in less time: it has all
training digits right before their end.
"""

from dataclasses import replace

import keras

from keras_attention import layers, models

from . import item_hard_mnist


def network() -> models.ImageModel:
    """The network, from 28x28 images to ten scores."""
    images = keras.Input((28, 28, 1), name="image")
    cell = layers.AttentionCell(
        layers.ItemWiseSoftAttention(units=64), keras.layers.LSTMCell(256)
    )
    state = layers.RecurrentAttention(cell, num_glimpses=4, name="looks")(
        item_hard_mnist.items(images)
    )
    scores = keras.layers.Dense(10, dtype="float32", name="classifier")(state)
    return models.ImageModel(images, scores, name="item_soft")


RECIPE = replace(
    item_hard_mnist.RECIPE,
    name="item_soft_mnist",
    summary="MNIST 28x28 as 16 patches of 7x7, 4 weighted means are read",
    network=network,
)
