"""DRAM on pairs of digits: which two are on the canvas (Ba et al. 2015).

Two LSTMs, one above the other. The lower one reads the glimpses, and the
classifier reads it; the upper one chooses where to look, and starts from a
small convolutional network that sees the whole image at an eighth of its size.
So what is coarse can lead, and can not be classified from.

Glimpses are larger than those of `ram_cluttered100`: more of a digit is seen
sharply, and pairs are learned from random weights, as in the paper. What reads
them is normalized (Ba, Kiros, Hinton 2016) and learns faster for it: most of a
glimpse is black, and what is left of it is faint. Places are sampled from far
apart at first, and the policy is slower than the reader: as long as nothing is
read, a reward is noise, and Adam's steps are no smaller for that. Its gradient
is small in what both train, the reader and the lower LSTM, where it would drown
that of the loss.
"""

import keras

from keras_attention import layers, models

from ..canvases import Canvas
from ..pairs import PairCanvas
from ..recipe import Recipe
from . import ram_cluttered60

SIZE, LOWER_UNITS, UPPER_UNITS = 100, 256, 160


def context() -> keras.Model:
    """From the image to the states of both LSTMs: zeros for the lower one."""
    images = keras.Input((SIZE, SIZE, 1))
    x = keras.layers.AveragePooling2D(8, padding="same")(images)
    x = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2D(32, 3, strides=2, activation="relu")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(2 * UPPER_UNITS, "tanh")(x)
    states = keras.ops.pad(x, [[0, 0], [2 * LOWER_UNITS, 0]])
    return keras.Model(images, states, name="context")


def network() -> models.ImageClassifier:
    """The network, from 100x100 images to 55 scores."""
    cell = layers.AttentionCell(
        layers.LocationWiseHardAttention(
            layers.GlimpseSensor(16, num_scales=3),
            ram_cluttered60.location_network(UPPER_UNITS),
            layers.GaussianLocationPolicy(0.35),
        ),
        keras.layers.StackedRNNCells(
            [
                keras.layers.LSTMCell(LOWER_UNITS),
                keras.layers.LSTMCell(UPPER_UNITS),
            ]
        ),
        network=layers.GlimpseNetwork(
            where_units=64, units=192, what=ram_cluttered60.what()
        ),
        read_location=True,
        start=context(),
    )
    images = keras.Input((SIZE, SIZE, 1), name="image")
    look = layers.RecurrentAttention(
        cell, num_glimpses=8, return_state=True, name="glimpses"
    )
    _, lower, *_ = look(images)
    scores = keras.layers.Dense(55, dtype="float32", name="classifier")
    return models.ImageClassifier(
        images,
        scores(lower),
        baseline="batch_mean",
        policy_weight=0.05,
        name="dram",
    )


RECIPE = Recipe(
    name="dram_pairs",
    summary="Pairs of MNIST digits among 4 pieces of 8x8 on 100x100, 8 "
    "glimpses of 16x16 at 3 scales, two LSTMs and a context network",
    source="mnist",
    canvas=PairCanvas(Canvas(size=100, num_distractors=4, distractor_size=8)),
    network=network,
    epochs=32,
    steps_per_epoch=1000,
    stddev=(0.35, 0.05),
)
