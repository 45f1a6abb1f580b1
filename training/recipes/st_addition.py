"""Two spatial transformers side by side: the sum of two digits.

Jaderberg et al. 2015, appendix A.1: each digit is turned, scaled and put
somewhere in a channel of its own.
"""

from keras_attention import models

from ..recipe import Recipe
from ..sums import SumCanvas
from . import st_cnn_rts


def network() -> models.ImageModel:
    """The network, from 42x42 images of two channels to nineteen scores."""
    return models.st_cnn((42, 42, 2), num_classes=19, num_transforms=2)


RECIPE = Recipe(
    name="st_addition",
    summary="The sum of two MNIST digits on 42x42, turned by +-45 degrees, "
    "scaled by 0.7-1.2, two affine transformers",
    source="mnist",
    canvas=SumCanvas(st_cnn_rts.RECIPE.canvas),
    network=network,
    epochs=36,
    steps_per_epoch=430,
)
