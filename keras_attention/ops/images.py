"""Images as users have them: their checks, their sizes, their dtype."""

import tensorflow as tf


def check_images(images):
    """Raises `ValueError` unless a tensor is a batch of images with pixels."""
    if images.shape.rank != 4 or not images.dtype.is_floating:
        raise ValueError(
            "`images` must be a floating tensor of shape (batch, height, "
            f"width, channels). Received: images.shape={images.shape}, "
            f"dtype={images.dtype.name}"
        )
    if 0 in images.shape[1:3]:
        raise ValueError(
            "`images` must have at least one row and one column. "
            f"Received: images.shape={images.shape}"
        )


def sizes(tensor):
    """Sizes of the axes: numbers where they are known, else tensors."""
    dynamic = tf.shape(tensor)
    return [
        dynamic[axis] if size is None else size
        for axis, size in enumerate(tensor.shape)
    ]


def floating_images(images, dtype):
    """Converts images to a floating dtype.

    Args:
        images: floating, in [0, 1]; or uint8, which stands for 0-255 and is
            divided by 255.
        dtype: name of a floating dtype.

    Returns:
        The images in that dtype.

    Raises:
        ValueError: if the images are of another dtype.
    """
    images = tf.convert_to_tensor(images)
    if images.dtype == "uint8":
        return tf.cast(images, dtype) / 255
    if not images.dtype.is_floating:
        raise ValueError(
            "`images` must be floating, in [0, 1], or uint8, 0-255. "
            f"Received: images.dtype={images.dtype.name}"
        )
    return tf.cast(images, dtype)
