"""A spatial transformer on R: digits turned by up to 90 degrees.

Jaderberg et al. 2015, section 4.1.
"""

from keras_attention import models

from ..recipe import Recipe
from ..warps import TurnedCanvas


def network() -> models.ImageModel:
    """The network, from 28x28 images to ten scores."""
    return models.st_cnn((28, 28, 1))


RECIPE = Recipe(
    name="st_cnn_rotated",
    summary="MNIST 28x28 turned by +-90 degrees, an affine transformer",
    source="mnist",
    canvas=TurnedCanvas(size=28, max_degrees=90.0),
    network=network,
    epochs=40,
    steps_per_epoch=430,
)
