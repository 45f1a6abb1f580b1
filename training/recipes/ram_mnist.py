"""RAM on MNIST: six glimpses of 8x8 at one scale.

Mnih et al. 2014, section 4.1, with the network of `ram_cluttered60`. In
training the digits are turned, shrunk and moved a little: their order is all
that is random otherwise, and the network learns them by heart. The noise ends
small: larger noise spreads glimpses that the means do not, which then miss
what they read by.
"""

from keras_attention import models

from ..canvases import Canvas
from ..recipe import Recipe
from ..warps import TurnedCanvas
from . import ram_cluttered60


def network() -> models.ImageClassifier:
    """The network, from 28x28 images to ten scores."""
    return ram_cluttered60.network(
        28, num_glimpses=6, glimpse_size=8, num_scales=1
    )


RECIPE = Recipe(
    name="ram_mnist",
    summary="MNIST 28x28, 6 glimpses of 8x8 at 1 scale, trained on digits "
    "turned by +-15 degrees and scaled by 0.85-1",
    source="mnist",
    canvas=Canvas(size=28),
    network=network,
    epochs=36,
    steps_per_epoch=1000,
    stddev=(0.35, 0.05),
    training_canvas=TurnedCanvas(size=28, max_degrees=15, scales=(0.85, 1.0)),
)
