"""What people add to their own Keras models."""

from keras_attention.layers.attention_cell import AttentionCell
from keras_attention.layers.gaussian_location_policy import (
    GaussianLocationPolicy,
)
from keras_attention.layers.glimpse_cell import GlimpseCell
from keras_attention.layers.glimpse_network import GlimpseNetwork
from keras_attention.layers.glimpse_sensor import GlimpseSensor
from keras_attention.layers.grid_location_policy import GridLocationPolicy
from keras_attention.layers.item_wise_hard_attention import (
    ItemWiseHardAttention,
)
from keras_attention.layers.item_wise_soft_attention import (
    ItemWiseSoftAttention,
)
from keras_attention.layers.location_wise_hard_attention import (
    LocationWiseHardAttention,
)
from keras_attention.layers.location_wise_soft_attention import (
    LocationWiseSoftAttention,
)
from keras_attention.layers.recurrent_attention import RecurrentAttention
from keras_attention.layers.spatial_transformer import SpatialTransformer
from keras_attention.layers.until_sure import UntilSure

__all__ = [
    "AttentionCell",
    "GaussianLocationPolicy",
    "GlimpseCell",
    "GlimpseNetwork",
    "GlimpseSensor",
    "GridLocationPolicy",
    "ItemWiseHardAttention",
    "ItemWiseSoftAttention",
    "LocationWiseHardAttention",
    "LocationWiseSoftAttention",
    "RecurrentAttention",
    "SpatialTransformer",
    "UntilSure",
]
