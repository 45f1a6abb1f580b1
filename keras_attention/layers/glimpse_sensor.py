"""The sensor: square crops at several scales around a location."""

import keras
import tensorflow as tf

from keras_attention.ops.checks import check_count, check_interpolation
from keras_attention.ops.glimpse import glimpse, is_small
from keras_attention.ops.glimpse_pyramid import (
    glimpse_from_pyramid,
    glimpse_pyramid,
)
from keras_attention.ops.images import floating_images


@keras.saving.register_keras_serializable("keras_attention")
class GlimpseSensor(keras.layers.Layer):
    """Looks at images through square crops of increasing coarseness.

    The retina of Mnih et al. 2014: `num_scales` crops around one location,
    each covering twice the side of the one before, all reduced to
    `glimpse_size` by averaging. Locations are (x, y) in [-1, 1], (-1, -1)
    the centre of the top-left pixel; see `keras_attention.ops.glimpse`.

    Args:
        glimpse_size: side of the crops, in pixels.
        num_scales: number of crops.
        interpolation: `"bilinear"`, or `"nearest"`, which reads a quarter of
            the pixels and has no gradient to the location.
        fill_value: value of everything outside the image.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        images: (B, H, W, C), floating, or uint8, which stands for 0-255 and
            is scaled to [0, 1]. Or what `prepare(images)` made of them, to
            take several glimpses of the same images.
        locations: (B, 2). Kept in float32 under mixed precision.

    Output shape:
        (B, glimpse_size, glimpse_size, num_scales * C).

    Raises:
        ValueError: for a wrong argument, rank, or an image smaller than the
            finest crop.

    Example:
    >>> sensor = GlimpseSensor(glimpse_size=8, num_scales=3)
    >>> images = np.zeros((2, 60, 60, 1), "float32")
    >>> sensor(images, np.zeros((2, 2), "float32")).shape
    TensorShape([2, 8, 8, 3])

    Reference:
        Mnih, Heess, Graves, Kavukcuoglu 2014, Recurrent Models of Visual
        Attention, https://arxiv.org/abs/1406.6247
    """

    def __init__(
        self,
        glimpse_size,
        num_scales=1,
        interpolation="bilinear",
        fill_value=0.0,
        **kwargs,
    ):
        # Half precision cannot tell the pixels of a large image apart.
        super().__init__(autocast=False, **kwargs)
        check_count("glimpse_size", glimpse_size)
        check_count("num_scales", num_scales)
        check_interpolation(interpolation)
        self.glimpse_size = glimpse_size
        self.num_scales = num_scales
        self.interpolation = interpolation
        self.fill_value = fill_value

    def build(self, images_shape, locations_shape=None):
        """Checks the shapes; the sensor has no weights."""
        if not isinstance(images_shape[0], (list, tuple)):
            self._check_images(images_shape)

    def prepare(self, images):
        """Computes once what several glimpses of the same images need.

        Args:
            images: (B, H, W, C), floating or uint8.

        Returns:
            The images in the compute dtype; or their pyramid, a list with one
            tensor for each scale, where glimpses are cheaper from it.
        """
        images = tf.convert_to_tensor(images)
        self._check_images(images.shape)
        images = floating_images(images, self.compute_dtype)
        if self.interpolation == "nearest" and is_small(images.shape):
            return glimpse_pyramid(images, self.num_scales, self.fill_value)
        return images

    def call(self, images, locations):
        """Takes one glimpse of each image."""
        if not isinstance(images, (list, tuple)):
            images = self.prepare(images)
        if isinstance(images, (list, tuple)):
            return self._from_pyramid(images, locations)
        return glimpse(
            images,
            locations,
            self.glimpse_size,
            self.num_scales,
            self.interpolation,
            self.fill_value,
        )

    def compute_output_shape(self, images_shape, locations_shape=None):
        """(B, glimpse_size, glimpse_size, num_scales * C)."""
        if isinstance(images_shape[0], (list, tuple)):
            images_shape = images_shape[0]
        batch, channels = images_shape[0], images_shape[-1]
        if channels is not None:
            channels *= self.num_scales
        return (batch, self.glimpse_size, self.glimpse_size, channels)

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "glimpse_size": self.glimpse_size,
            "num_scales": self.num_scales,
            "interpolation": self.interpolation,
            "fill_value": self.fill_value,
        }

    def _from_pyramid(self, pyramid, locations):
        if len(pyramid) != self.num_scales:
            raise ValueError(
                f"A pyramid for num_scales={self.num_scales} was expected. "
                f"Received: {len(pyramid)} levels"
            )
        return glimpse_from_pyramid(
            pyramid, locations, self.glimpse_size, self.interpolation
        )

    def _check_images(self, shape):
        if len(shape) != 4 or shape[-1] is None:
            raise ValueError(
                "`images` must have the shape (batch, height, width, "
                f"channels). Received: images.shape={tuple(shape)}"
            )
        sides = [side for side in shape[1:3] if side is not None]
        if any(side < self.glimpse_size for side in sides):
            raise ValueError(
                "`glimpse_size` must be at most the height and the width of "
                f"the image. Received: glimpse_size={self.glimpse_size}, "
                f"images.shape={tuple(shape)}"
            )
