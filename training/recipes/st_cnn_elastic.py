"""A spatial transformer on E: digits bent by a thin plate spline.

Jaderberg et al. 2015, section 4.1.
"""

from keras_attention import models

from ..recipe import Recipe
from ..warps import BentCanvas


def network() -> models.ImageModel:
    """The network, from 28x28 images to ten scores."""
    return models.st_cnn((28, 28, 1), transform="thin_plate_spline")


RECIPE = Recipe(
    name="st_cnn_elastic",
    summary="MNIST 28x28 bent by a thin plate spline, a spline transformer",
    source="mnist",
    canvas=BentCanvas(size=28),
    network=network,
    epochs=36,
    steps_per_epoch=430,
)
