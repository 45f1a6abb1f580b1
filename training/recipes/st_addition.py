"""Two spatial transformers side by side: the sum of two digits.

Jaderberg et al. 2015, appendix A.1: each digit is turned, scaled and put
somewhere in a channel of its own, and each transformer sees and crops both
channels. The paper reads the four channels of the crops together; here one
network reads either digit, of the first crop the first channel and of the
second the second, so that it learns digits and not pairs of them.
"""

import keras

from keras_attention import models

from ..recipe import Recipe
from ..sums import SumCanvas
from . import st_cnn_rts


def reader() -> keras.Model:
    """From the channels of both crops to the features of both digits."""
    crops = keras.Input((24, 24, 4))
    digit = models.digit_reader()
    features = keras.layers.Concatenate()(
        [digit(crops[..., :1]), digit(crops[..., 3:])]
    )
    return keras.Model(
        crops, keras.layers.Dense(128, "relu")(features), name="both_digits"
    )


def network() -> models.ImageModel:
    """The network, from 42x42 images of two channels to nineteen scores."""
    return models.st_cnn(
        (42, 42, 2), num_classes=19, num_transforms=2, reader=reader()
    )


RECIPE = Recipe(
    name="st_addition",
    summary="The sum of two MNIST digits on 42x42, turned by +-45 degrees, "
    "scaled by 0.7-1.2, two affine transformers",
    source="mnist",
    canvas=SumCanvas(st_cnn_rts.RECIPE.canvas),
    network=network,
    epochs=24,
    steps_per_epoch=430,
)
