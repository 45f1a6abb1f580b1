"""A spatial transformer on cluttered 60x60 (Jaderberg et al. 2015, table 3).

The crop may only shrink: what is sought is smaller than the image.
"""

from keras_attention import models

from ..canvases import Canvas
from ..recipe import Recipe


def network() -> models.ImageModel:
    """The network, from 60x60 images to ten scores."""
    return models.st_cnn((60, 60, 1), bounds=(0.25, 1.0))


RECIPE = Recipe(
    name="st_cnn_cluttered",
    summary="MNIST among 6 pieces of 6x6 on 60x60, an affine transformer",
    source="mnist",
    canvas=Canvas(size=60, num_distractors=6, distractor_size=6),
    network=network,
    epochs=30,
    steps_per_epoch=430,
    stddev=None,
    jit_compile=False,
)
