"""A glimpse model that reads images, floating or uint8."""

import keras
import tensorflow as tf

from keras_attention.models.reinforce_model import ReinforceModel


@keras.saving.register_keras_serializable("keras_attention")
class ImageClassifier(ReinforceModel):
    """A `ReinforceModel` from one batch of images to scores of classes.

    Args:
        *args: of `ReinforceModel`.
        **kwargs: of `ReinforceModel`.

    Call arguments:
        images: (B, H, W, C), floating in [0, 1], or uint8, which stands for
            0-255 and is scaled to [0, 1].

    Output shape:
        (B, K): scores, whose argmax over the last axis is the class.
    """

    def __call__(self, images, *args, **kwargs):
        """Calls the model on images."""
        if not keras.ops.is_tensor(images):
            images = tf.convert_to_tensor(images)
        dtype = keras.backend.standardize_dtype(images.dtype)
        if dtype == "uint8":
            images = keras.ops.cast(images, "float32") / 255
        elif not keras.backend.is_float_dtype(dtype):
            raise ValueError(
                "Images must be floating, in [0, 1], or uint8, 0-255. "
                f"Received: dtype={dtype}"
            )
        self._check_shape(images.shape)
        return super().__call__(images, *args, **kwargs)

    def _check_shape(self, shape):
        # Keras takes any number of channels where one is expected.
        expected = getattr(self, "input_shape", (None, *shape[1:]))
        sides = zip(expected[1:], shape[1:], strict=False)
        if len(shape) != 4 or any(
            None not in pair and pair[0] != pair[1] for pair in sides
        ):
            raise ValueError(
                "Images must have the shape (batch, height, width, channels)"
                f"={expected}. Received: images.shape={tuple(shape)}"
            )
