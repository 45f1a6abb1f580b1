"""A plain convolutional network on cluttered 60x60: beside `ram_cluttered60`.

That of `cnn_cluttered`, whose canvases have smaller pieces, wider: as many
parameters as the glimpses, as much time.
"""

from dataclasses import replace

from keras_attention import models

from . import cnn_cluttered, ram_cluttered60


def network() -> models.ImageModel:
    """The network, from 60x60 images to ten scores."""
    return cnn_cluttered.network(units=193)


RECIPE = replace(
    ram_cluttered60.RECIPE,
    name="cnn_cluttered60",
    summary="The canvases of ram_cluttered60, a plain convolutional network",
    network=network,
    epochs=36,
    stddev=None,
)
