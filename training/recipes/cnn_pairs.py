"""A plain convolutional network on pairs of digits: beside `dram_pairs`.

That of `cnn_cluttered`, with more units, for about as long as the glimpses were
trained.
"""

from dataclasses import replace

from keras_attention import models

from . import cnn_cluttered, dram_pairs


def network() -> models.ImageModel:
    """The network, from 100x100 images to 55 scores."""
    return cnn_cluttered.network(dram_pairs.SIZE, units=144, num_classes=55)


RECIPE = replace(
    dram_pairs.RECIPE,
    name="cnn_pairs",
    summary="The canvases of dram_pairs, a plain convolutional network",
    network=network,
    epochs=28,
    stddev=None,
)
