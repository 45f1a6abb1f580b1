"""RAM on cluttered 100x100: eight glimpses of 12x12 at four scales.

Mnih et al. 2014, section 4.2, with the LSTM and the convolutions of
`ram_cluttered60`, twice as wide: with those as they are, as many errors are
made on training digits as on others.

Learned as those of `ram_cluttered60`, its places come to rest in a corner
before anything is read. They are learned as those of `dram_pairs` are: sampled
from far apart at first, by a policy that is slower than the reader, since a
reward is noise as long as nothing is read, and Adam's steps are no smaller for
that. Its gradient is small in what both train, where it would drown that of the
loss. What reads glimpses is normalized (Ba, Kiros, Hinton 2016): most of one is
black, and what is left of it is faint.
"""

import keras

from keras_attention import layers, models

from ..canvases import Canvas
from ..recipe import Recipe
from . import ram_cluttered60


def location_network(units: int) -> keras.Sequential:
    """What chooses places on 100x100, from a state of so many units."""
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


def network(size: int = 100) -> models.ImageClassifier:
    """The network, from square images to ten scores."""
    units = 256
    return models.ram(
        (size, size, 1),
        num_glimpses=8,
        glimpse_size=12,
        num_scales=4,
        core=keras.layers.LSTMCell(units),
        glimpse_network=layers.GlimpseNetwork(
            where_units=64,
            units=192,
            what=ram_cluttered60.what(32, normalized=True),
        ),
        location_network=location_network(units),
        baseline="batch_mean",
        policy_weight=0.05,
    )


RECIPE = Recipe(
    name="ram_cluttered100",
    summary="MNIST among 8 pieces of 8x8 on 100x100, 8 glimpses of 12x12 at 4 "
    "scales",
    source="mnist",
    canvas=Canvas(size=100, num_distractors=8, distractor_size=8),
    network=network,
    epochs=25,
    steps_per_epoch=1000,
    stddev=(0.35, 0.05),
)
