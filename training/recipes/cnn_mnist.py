"""A plain convolutional network on MNIST: beside `ram_mnist`.

That of `cnn_rotated`, narrower: as many parameters as the glimpses, as many
images.
"""

from dataclasses import replace

from keras_attention import models

from . import cnn_rotated, ram_mnist


def network() -> models.ImageModel:
    """The network, from 28x28 images to ten scores."""
    return cnn_rotated.network(units=60)


RECIPE = replace(
    ram_mnist.RECIPE,
    name="cnn_mnist",
    summary="The images of ram_mnist, a plain convolutional network",
    network=network,
    epochs=30,
    stddev=None,
)
