"""The recurrent attention model of Mnih et al. 2014."""

import keras

from keras_attention.layers.gaussian_location_policy import (
    GaussianLocationPolicy,
)
from keras_attention.layers.glimpse_cell import GlimpseCell
from keras_attention.layers.glimpse_network import GlimpseNetwork
from keras_attention.layers.glimpse_sensor import GlimpseSensor
from keras_attention.layers.recurrent_attention import RecurrentAttention
from keras_attention.models.image_classifier import ImageClassifier


def ram(
    input_shape=(28, 28, 1),
    num_classes=10,
    num_glimpses=6,
    glimpse_size=8,
    num_scales=1,
    stddev=0.15,
    core=None,
    glimpse_network=None,
    location_network=None,
    interpolation="nearest",
    name="ram",
    **kwargs,
):
    """Builds the recurrent attention model (RAM), not compiled.

    The defaults are the paper's network for MNIST. Train it with `compile`
    and `fit`, as any Keras model.

    Args:
        input_shape: (H, W, C) of the images; H and W may be None.
        num_classes: number of classes, K.
        num_glimpses: number of glimpses taken of each image.
        glimpse_size: side of the crops, in pixels.
        num_scales: number of crops in a glimpse, each twice as wide.
        stddev: standard deviation of the sampled locations.
        core: Keras RNN cell; by default `SimpleRNNCell(256, "relu")`.
        glimpse_network: layer `(glimpse, location) -> (B, G)`; by default
            the paper's `GlimpseNetwork()`.
        location_network: layer `(B, Q) -> (B, 2)`; by default
            `Dense(2, "tanh")`.
        interpolation: of the crops, `"nearest"` or `"bilinear"`.
        name: name of the model.
        **kwargs: of `ReinforceModel`: what its places are trained by.

    Returns:
        An `ImageClassifier`, (B, H, W, C) images to (B, K) scores.

    Raises:
        ValueError: for sizes that do not fit; see the layers.

    Example:
    >>> model = ram(input_shape=(60, 60, 1), glimpse_size=12, num_scales=3)
    >>> model(np.zeros((2, 60, 60, 1), "uint8")).shape
    TensorShape([2, 10])

    Reference:
        Mnih, Heess, Graves, Kavukcuoglu 2014, Recurrent Models of Visual
        Attention, https://arxiv.org/abs/1406.6247
    """
    images = keras.Input(input_shape, name="image")
    cell = GlimpseCell(
        GlimpseSensor(glimpse_size, num_scales, interpolation),
        core=core,
        glimpse_network=glimpse_network or GlimpseNetwork(),
        location_network=location_network,
        location_policy=GaussianLocationPolicy(stddev),
        name="glimpse_cell",
    )
    state = RecurrentAttention(cell, num_glimpses, name="glimpses")(images)
    classifier = keras.layers.Dense(
        num_classes, dtype="float32", name="classifier"
    )
    return ImageClassifier(images, classifier(state), name=name, **kwargs)
