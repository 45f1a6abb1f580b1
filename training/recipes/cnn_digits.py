"""A plain convolutional network on scikit-learn's digits: beside `ram_digits`.

That of `cnn_cluttered`, for as long as the glimpses were trained: a step takes
three times theirs.
"""

from dataclasses import replace

from keras_attention import models

from . import cnn_cluttered, ram_digits


def network() -> models.ImageModel:
    """The network, from 40x40 images to ten scores."""
    return cnn_cluttered.network(40, units=91)


RECIPE = replace(
    ram_digits.RECIPE,
    name="cnn_digits",
    summary="The canvases of ram_digits, a plain convolutional network",
    network=network,
    epochs=6,
    stddev=None,
    jit_compile=False,
)
