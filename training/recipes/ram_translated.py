"""RAM on translated 60x60: eight glimpses of 12x12 at three scales.

Mnih et al. 2014, section 4.1, with the network of `ram_cluttered60`.
"""

from ..canvases import Canvas
from ..recipe import Recipe
from .ram_cluttered60 import network

RECIPE = Recipe(
    name="ram_translated",
    summary="MNIST anywhere on 60x60, 8 glimpses of 12x12 at 3 scales",
    source="mnist",
    canvas=Canvas(size=60),
    network=network,
    epochs=15,
    steps_per_epoch=1000,
    stddev=(0.35, 0.05),
)
