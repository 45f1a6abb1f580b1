"""A model that reads images, floating or uint8."""

import keras
import tensorflow as tf

from keras_attention.models.functional_class import FunctionalAlone


class ReadsImages:
    """What a class of models has before `keras.Model` to read images."""

    def __call__(self, images, *args, **kwargs):
        """Calls the model on images, alone or the only ones of a container."""
        images = _only(images)
        symbolic = isinstance(images, keras.KerasTensor)
        if not symbolic and not keras.ops.is_tensor(images):
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


def _only(images):
    """The images of `[images]` or of `{"image": images}`, as Keras takes them.

    A list may be an image too, row by row.
    """
    if isinstance(images, dict) and len(images) == 1:
        (images,) = images.values()
    elif isinstance(images, (list, tuple)) and len(images) == 1:
        shape = getattr(images[0], "shape", ())
        images = images[0] if len(shape) == 4 else images
    return images


@keras.saving.register_keras_serializable("keras_attention")
class ImageModel(ReadsImages, FunctionalAlone, keras.Model):
    """A `keras.Model` from one batch of images to scores of classes.

    For what is trained by back-propagation alone, such as a network with a
    `SpatialTransformer`. (`ImageClassifier` trains hard attention.)

    Args:
        *args: of `keras.Model`.
        **kwargs: of `keras.Model`.

    Call arguments:
        images: (B, H, W, C), floating in [0, 1], or uint8, which stands for
            0-255 and is scaled to [0, 1].

    Output shape:
        (B, K): scores, whose argmax over the last axis is the class.

    Example:
    >>> images = keras.Input((8, 8, 1))
    >>> scores = keras.layers.Dense(10)(keras.layers.Flatten()(images))
    >>> model = ImageModel(images, scores)
    >>> white = np.full((1, 8, 8, 1), 255, "uint8")
    >>> np.allclose(model(white), model(np.ones((1, 8, 8, 1))))
    True
    """
