"""The mathematics of attention, as pure functions of tensors."""

from keras_attention.ops.antialias import antialias
from keras_attention.ops.attention_weights import masked_softmax, sparsemax
from keras_attention.ops.boxes import box_centers
from keras_attention.ops.glimpse import glimpse
from keras_attention.ops.glimpse_pyramid import (
    glimpse_from_pyramid,
    glimpse_pyramid,
)
from keras_attention.ops.grid_sample import grid_sample
from keras_attention.ops.sampling_grid import affine_matrix, sampling_grid

__all__ = [
    "affine_matrix",
    "antialias",
    "box_centers",
    "glimpse",
    "glimpse_from_pyramid",
    "glimpse_pyramid",
    "grid_sample",
    "masked_softmax",
    "sampling_grid",
    "sparsemax",
]
