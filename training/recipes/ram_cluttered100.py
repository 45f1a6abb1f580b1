"""RAM on cluttered 100x100: eight glimpses of 12x12 at four scales.

Mnih et al. 2014, section 4.2, with the network of `ram_cluttered60`.
"""

from keras_attention import models

from ..canvases import Canvas
from ..recipe import Recipe
from . import ram_cluttered60


def network() -> models.ImageClassifier:
    """The network, from 100x100 images to ten scores."""
    return ram_cluttered60.network(100, num_scales=4)


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
