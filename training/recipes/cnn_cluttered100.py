"""A plain network on cluttered 100x100: beside `ram_cluttered100`.

That of `cnn_cluttered`, with fewer units above the larger maps, for as long as
the glimpses were trained: an epoch takes five thirds of theirs.
"""

from dataclasses import replace

from keras_attention import models

from . import cnn_cluttered, ram_cluttered100


def network() -> models.ImageModel:
    """The network, from 100x100 images to ten scores."""
    return cnn_cluttered.network(100, units=66)


RECIPE = replace(
    ram_cluttered100.RECIPE,
    name="cnn_cluttered100",
    summary="The canvases of ram_cluttered100, a plain convolutional network",
    network=network,
    epochs=15,
    stddev=None,
)
