"""A spatial transformer on P: digits stretched at their corners.

Jaderberg et al. 2015, section 4.1.
"""

from keras_attention import models

from ..recipe import Recipe
from ..warps import StretchedCanvas


def network() -> models.ImageModel:
    """The network, from 28x28 images to ten scores."""
    return models.st_cnn((28, 28, 1), transform="projective")


RECIPE = Recipe(
    name="st_cnn_projective",
    summary="MNIST 28x28, corners moved by 5 pixels, a projective transformer",
    source="mnist",
    canvas=StretchedCanvas(size=28),
    network=network,
    epochs=36,
    steps_per_epoch=430,
)
