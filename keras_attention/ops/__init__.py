"""The mathematics of attention, as pure functions of tensors."""

from keras_attention.ops.glimpse import (
    glimpse,
    glimpse_from_pyramid,
    glimpse_pyramid,
)

__all__ = ["glimpse", "glimpse_from_pyramid", "glimpse_pyramid"]
