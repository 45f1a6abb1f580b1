"""RAM on cluttered 100x100: eight glimpses of 12x12 at four scales.

Mnih et al. 2014, section 4.2, with the network of `ram_cluttered60`, twice as
wide: with that as it is, as many errors are made on training digits as on
others. It looks badly still: by `keras-attention diagnose ram_cluttered100` the
digit is in view of the last glimpse in 3.6 % of the images, by chance in 2.9 %.
"""

from keras_attention import models

from ..canvases import Canvas
from ..recipe import Recipe
from . import ram_cluttered60


def network(size: int = 100) -> models.ImageClassifier:
    """The network, from square images to ten scores."""
    return ram_cluttered60.network(
        size, num_glimpses=8, num_scales=4, filters=32, units=256
    )


RECIPE = Recipe(
    name="ram_cluttered100",
    summary="MNIST among 8 pieces of 8x8 on 100x100, 8 glimpses of 12x12 at 4 "
    "scales",
    source="mnist",
    canvas=Canvas(size=100, num_distractors=8, distractor_size=8),
    network=network,
    epochs=30,
    steps_per_epoch=1000,
    stddev=(0.2, 0.05),
)
