"""Images as users have them, in the dtype that layers compute in."""

import tensorflow as tf


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
