"""What people add to their own Keras models."""

from keras_attention.layers.gaussian_location_policy import (
    GaussianLocationPolicy,
)
from keras_attention.layers.glimpse_cell import GlimpseCell
from keras_attention.layers.glimpse_network import GlimpseNetwork
from keras_attention.layers.glimpse_sensor import GlimpseSensor
from keras_attention.layers.recurrent_attention import RecurrentAttention

__all__ = [
    "GaussianLocationPolicy",
    "GlimpseCell",
    "GlimpseNetwork",
    "GlimpseSensor",
    "RecurrentAttention",
]
