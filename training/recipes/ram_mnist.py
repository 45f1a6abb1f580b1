"""RAM on MNIST: six glimpses of 8x8 at one scale (Mnih et al. 2014).

Two convolutions read the glimpse and the core is an LSTM, as in
`ram_cluttered60`; of the paper's size, so that an image takes a fifth of a
millisecond on one core. The noise ends small: larger noise spreads glimpses
that the means do not, which then miss what they read by.
"""

import keras

from keras_attention import layers, models

from ..canvases import Canvas
from ..recipe import Recipe


def network() -> models.ImageClassifier:
    """The network, from 28x28 images to ten scores."""
    what = keras.Sequential(
        [
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
            keras.layers.Flatten(),
        ],
        name="what",
    )
    return models.ram(
        (28, 28, 1),
        num_glimpses=6,
        glimpse_size=8,
        core=keras.layers.LSTMCell(128),
        glimpse_network=layers.GlimpseNetwork(
            where_units=64, units=128, what=what
        ),
        location_network=keras.Sequential(
            [
                keras.Input((128,)),
                keras.layers.Dense(64, "relu"),
                keras.layers.Dense(2, "tanh", kernel_initializer="zeros"),
            ]
        ),
    )


RECIPE = Recipe(
    name="ram_mnist",
    summary="MNIST 28x28, 6 glimpses of 8x8 at 1 scale",
    source="mnist",
    canvas=Canvas(size=28),
    network=network,
    epochs=30,
    steps_per_epoch=1000,
    stddev=(0.25, 0.05),
)
