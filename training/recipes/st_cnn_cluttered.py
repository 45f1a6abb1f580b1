"""A spatial transformer on cluttered 60x60 (Jaderberg et al. 2015, table 3).

A digit is less than half as large as the image, so that the crop starts as the
middle 30x30 pixels and may only shrink: it need not learn to zoom in first.
Its reader leaves out more features than usual, and was not tried with fewer.
"""

from keras_attention import models

from ..canvases import Canvas
from ..recipe import Recipe


def network() -> models.ImageModel:
    """The network, from 60x60 images to ten scores."""
    reader = models.digit_reader(dropout=0.4)
    return models.st_cnn((60, 60, 1), bounds=(0.25, 0.5), reader=reader)


RECIPE = Recipe(
    name="st_cnn_cluttered",
    summary="MNIST among 6 pieces of 6x6 on 60x60, an affine transformer",
    source="mnist",
    canvas=Canvas(size=60, num_distractors=6, distractor_size=6),
    network=network,
    epochs=30,
    steps_per_epoch=430,
)
