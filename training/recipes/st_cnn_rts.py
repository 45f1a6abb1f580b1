"""A spatial transformer on RTS: turned, scaled, translated digits on 42x42.

Jaderberg et al. 2015, section 4.1. The crop starts as the middle 29x29 pixels,
which the ink of the largest digits fills.
"""

from keras_attention import models

from ..recipe import Recipe
from ..warps import TurnedCanvas


def network() -> models.ImageModel:
    """The network, from 42x42 images to ten scores."""
    return models.st_cnn((42, 42, 1), bounds=(0.2, 0.7))


RECIPE = Recipe(
    name="st_cnn_rts",
    summary="MNIST on 42x42, turned by +-45 degrees, scaled by 0.7-1.2, an "
    "affine transformer",
    source="mnist",
    canvas=TurnedCanvas(size=42, max_degrees=45.0, scales=(0.7, 1.2)),
    network=network,
    epochs=72,
    steps_per_epoch=430,
)
