"""RAM on cluttered 60x60: six glimpses of 12x12 at three scales.

Mnih et al. 2014, section 4.2, with two changes. Two convolutions read the
glimpse, since most errors of a dense reader are made with the digit in view.
The core is an LSTM: its state is bounded, so that the location network does not
run away to the border as the state grows.
"""

import keras

from keras_attention import layers, models

from ..canvases import Canvas
from ..recipe import Recipe


def what(filters: int, normalized: bool = False) -> keras.Sequential:
    """What reads a glimpse, whatever its place."""
    pooled, flat = [], []
    if normalized:
        pooled = [keras.layers.LayerNormalization(axis=(1, 2, 3))]
        flat = [keras.layers.LayerNormalization()]
    return keras.Sequential(
        [
            keras.layers.Conv2D(filters, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            *pooled,
            keras.layers.Conv2D(
                2 * filters, 3, padding="same", activation="relu"
            ),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            *flat,
        ],
        name="what",
    )


def network() -> models.ImageClassifier:
    """The network, from 60x60 images to ten scores."""
    units = 160
    return models.ram(
        (60, 60, 1),
        num_glimpses=6,
        glimpse_size=12,
        num_scales=3,
        core=keras.layers.LSTMCell(units),
        glimpse_network=layers.GlimpseNetwork(
            where_units=64, units=192, what=what(16)
        ),
        location_network=keras.Sequential(
            [
                keras.Input((units,)),
                keras.layers.Dense(128, "relu"),
                keras.layers.Dense(2, "tanh", kernel_initializer="zeros"),
            ]
        ),
    )


RECIPE = Recipe(
    name="ram_cluttered60",
    summary="MNIST among 4 pieces of 8x8 on 60x60, 6 glimpses of 12x12 at 3 "
    "scales",
    source="mnist",
    canvas=Canvas(size=60, num_distractors=4, distractor_size=8),
    network=network,
    epochs=30,
    steps_per_epoch=1000,
    stddev=(0.2, 0.07),
)
