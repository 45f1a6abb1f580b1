"""DRAM on pairs of digits: which two are on the canvas (Ba et al. 2015).

Two LSTMs, one above the other. The lower one reads the glimpses, and the
classifier reads it; the upper one chooses where to look, and starts from a
small convolutional network that sees the whole image at an eighth of its size.
So what is coarse can lead, and can not be classified from.

What reads glimpses, and the lower LSTM, start from those of the preset
`ram_cluttered100`, which reads one digit: from random weights, pairs are hardly
learned in a thousand batches.
"""

import keras

from keras_attention import layers, models

from ..canvases import Canvas
from ..pairs import PairCanvas
from ..recipe import Recipe

SIZE, UNITS = 100, 160


def context(lower_units: int) -> keras.Model:
    """From the image to the states of both LSTMs: zeros for the lower one."""
    images = keras.Input((SIZE, SIZE, 1))
    x = keras.layers.AveragePooling2D(8, padding="same")(images)
    x = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2D(32, 3, strides=2, activation="relu")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(2 * UNITS, "tanh")(x)
    states = keras.ops.pad(x, [[0, 0], [2 * lower_units, 0]])
    return keras.Model(images, states, name="context")


def network() -> models.ImageClassifier:
    """The network, from 100x100 images to 55 scores."""
    single = models.from_preset("ram_cluttered100").get_layer("glimpses").cell
    location_network = keras.Sequential(
        [
            keras.Input((UNITS,)),
            keras.layers.Dense(128, "relu"),
            keras.layers.Dense(2, "tanh", kernel_initializer="zeros"),
        ]
    )
    cell = layers.AttentionCell(
        layers.LocationWiseHardAttention(
            layers.GlimpseSensor(12, num_scales=4),
            location_network,
            layers.GaussianLocationPolicy(0.2),
        ),
        keras.layers.StackedRNNCells(
            [single.cell, keras.layers.LSTMCell(UNITS)]
        ),
        network=single.network,
        read_location=True,
        start=context(single.cell.units),
    )
    images = keras.Input((SIZE, SIZE, 1), name="image")
    look = layers.RecurrentAttention(
        cell, num_glimpses=10, return_state=True, name="glimpses"
    )
    _, lower, *_ = look(images)
    scores = keras.layers.Dense(55, dtype="float32", name="classifier")
    return models.ImageClassifier(images, scores(lower), name="dram")


RECIPE = Recipe(
    name="dram_pairs",
    summary="Pairs of MNIST digits among 4 pieces of 8x8 on 100x100, 10 "
    "glimpses of 12x12 at 4 scales, two LSTMs and a context network, started "
    "from ram_cluttered100",
    source="mnist",
    canvas=PairCanvas(Canvas(size=100, num_distractors=4, distractor_size=8)),
    network=network,
    epochs=38,
    steps_per_epoch=1000,
    stddev=(0.2, 0.05),
)
