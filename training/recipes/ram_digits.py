"""RAM on the embedded digits, which need no network: the demo's recipe."""

import keras

from keras_attention import layers, models

from ..canvases import Canvas
from ..recipe import Recipe


def network() -> models.ImageClassifier:
    """Six glimpses that see a sixth of the canvas: it has to look around."""
    return models.ram(
        (40, 40, 1),
        num_glimpses=6,
        glimpse_size=8,
        num_scales=2,
        core=keras.layers.LSTMCell(128),
        glimpse_network=layers.GlimpseNetwork(where_units=64, units=128),
        location_network=keras.Sequential(
            [
                keras.Input((128,)),
                keras.layers.Dense(64, "relu"),
                keras.layers.Dense(2, "tanh", kernel_initializer="zeros"),
            ]
        ),
    )


RECIPE = Recipe(
    name="ram_digits",
    summary="scikit-learn's digits on cluttered 40x40, 6 glimpses of 8x8 at "
    "2 scales",
    source="digits",
    canvas=Canvas(size=40, num_distractors=4, distractor_size=5),
    network=network,
    epochs=20,
    steps_per_epoch=300,
    learning_rate=2e-3,
    stddev=(0.2, 0.1),
    jit_compile=True,
)
