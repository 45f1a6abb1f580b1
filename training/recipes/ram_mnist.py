"""RAM on MNIST: six glimpses of 8x8 at one scale (Mnih et al. 2014)."""

import keras

from keras_attention import models

from ..canvases import Canvas
from ..recipe import Recipe


def network() -> models.ImageClassifier:
    """The paper's network, with a hidden layer in the location network."""
    return models.ram(
        (28, 28, 1),
        num_glimpses=6,
        glimpse_size=8,
        location_network=keras.Sequential(
            [
                keras.Input((256,)),
                keras.layers.Dense(128, "relu"),
                keras.layers.Dense(2, "tanh"),
            ]
        ),
    )


RECIPE = Recipe(
    name="ram_mnist",
    summary="MNIST 28x28, 6 glimpses of 8x8 at 1 scale",
    source="mnist",
    canvas=Canvas(size=28),
    network=network,
    epochs=200,
    steps_per_epoch=500,
)
