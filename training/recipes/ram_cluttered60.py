"""RAM on cluttered 60x60: eight glimpses of 12x12 at three scales.

Mnih et al. 2014, section 4.2, with four changes. Two convolutions read the
glimpse, since most errors of a dense reader are made with the digit in view;
what they find is normalized (Ba, Kiros, Hinton 2016), since most of a glimpse
is black and what is left of it is faint. The core is an LSTM: its state is
bounded, so that the location network does not run away to the border as the
state grows.

Places are sampled from far apart at first, by a policy that is slower than the
reader: a reward is noise as long as nothing is read, and Adam's steps are no
smaller for that. The gradient of the policy is small in what both train, where
it would drown that of the loss.
"""

import keras

from keras_attention import layers, models

from ..canvases import Canvas
from ..recipe import Recipe


def what() -> keras.Sequential:
    """What reads a glimpse, whatever its place."""
    return keras.Sequential(
        [
            keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.LayerNormalization(axis=(1, 2, 3)),
            keras.layers.Conv2D(64, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.LayerNormalization(),
        ],
        name="what",
    )


def location_network(units: int) -> keras.Sequential:
    """What chooses places, from a state of so many units."""
    return keras.Sequential(
        [
            keras.Input((units,)),
            keras.layers.Dense(128, "relu"),
            keras.layers.Dense(2, kernel_initializer="zeros"),
            keras.layers.Rescaling(0.25),
            keras.layers.Activation("tanh"),
            keras.layers.Rescaling(0.75),  # no digit has its centre beyond
        ]
    )


def network(size: int = 60, num_scales: int = 3) -> models.ImageClassifier:
    """The network, from square images to ten scores."""
    units = 256
    return models.ram(
        (size, size, 1),
        num_glimpses=8,
        glimpse_size=12,
        num_scales=num_scales,
        core=keras.layers.LSTMCell(units),
        glimpse_network=layers.GlimpseNetwork(
            where_units=64, units=192, what=what()
        ),
        location_network=location_network(units),
        baseline="batch_mean",
        policy_weight=0.05,
    )


RECIPE = Recipe(
    name="ram_cluttered60",
    summary="MNIST among 4 pieces of 8x8 on 60x60, 8 glimpses of 12x12 at 3 "
    "scales",
    source="mnist",
    canvas=Canvas(size=60, num_distractors=4, distractor_size=8),
    network=network,
    epochs=22,
    steps_per_epoch=1000,
    stddev=(0.35, 0.05),
)
