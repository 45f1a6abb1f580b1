"""The pyramid of an image: many glimpses of the same images at less cost.

Averaging a block of pixels and then interpolating is the same as
interpolating in an image whose every pixel is already the mean of the block
that starts there. Those images, one for each scale, are the pyramid. They
keep the full resolution, so every sub-pixel location is exact, and each is
made from the one before with two additions an axis. A glimpse then reads only
the pixels it shows.

Building it touches every pixel of the image: it pays for several glimpses of
the same images, as long as these are small. `keras_attention.ops.glimpse`
needs none, and gives the same.

Convention: that of `keras_attention.ops.glimpse`.
"""

import tensorflow as tf

from keras_attention.ops.checks import check_count, check_interpolation
from keras_attention.ops.glimpse import check_locations, pixel_coordinates
from keras_attention.ops.images import check_images


def glimpse_pyramid(images, num_scales=1, fill_value=0.0):
    """Averages an image over blocks of 1, 2, 4, ... pixels a side.

    Build it once when several glimpses are taken of the same images.

    Args:
        images: (B, H, W, C) floating tensor.
        num_scales: number of levels.
        fill_value: value of everything outside the image.

    Returns:
        List of `num_scales` tensors. With f = 2**k, level k is
        (B, H + f + 1, W + f + 1, C), and its pixel (i, j) is the mean of the
        f x f pixels of the image that start at (i - f, j - f): the first and
        the last row and column lie wholly outside the image.

    Raises:
        ValueError: if `images` is not a floating tensor of rank 4, or
            `num_scales` is below 1.
    """
    images = tf.convert_to_tensor(images)
    check_images(images)
    check_count("num_scales", num_scales)
    levels = [_pad(images, 1, fill_value)]
    for k in range(num_scales - 1):
        levels.append(_average_neighbours(levels[-1], 2**k, fill_value))
    return levels


def glimpse_from_pyramid(
    pyramid, locations, glimpse_size, interpolation="bilinear"
):
    """Reads glimpses from a pyramid made by `glimpse_pyramid`.

    Args:
        pyramid: list of levels.
        locations: (B, 2), as in `glimpse`.
        glimpse_size: side of the crop, in pixels.
        interpolation: `"bilinear"` or `"nearest"`.

    Returns:
        (B, glimpse_size, glimpse_size, len(pyramid) * C).

    Raises:
        ValueError: if a shape, a count or the interpolation is not as said.
    """
    check_count("glimpse_size", glimpse_size)
    check_interpolation(interpolation)
    locations = check_locations(locations, pyramid[0].shape[0])
    crop = _bilinear_crop if interpolation == "bilinear" else _nearest_crop
    crops = [
        crop(level, locations, glimpse_size, block=2**k)
        for k, level in enumerate(pyramid)
    ]
    return tf.concat(crops, axis=-1)


def _pad(images, width, fill_value):
    paddings = [[0, 0], [width, width], [width, width], [0, 0]]
    return tf.pad(images, paddings, constant_values=fill_value)


def _average_neighbours(level, block, fill_value):
    """Means of blocks twice as wide, from the means of blocks of `block`."""
    level = _pad(level, block, fill_value)
    level = (level[:, :-block] + level[:, block:]) / 2
    return (level[:, :, :-block] + level[:, :, block:]) / 2


def _first_positions(level, locations, glimpse_size, block):
    """The row and the column of the first block of each crop: (B, 2).

    In indices of the level, fractional.
    """
    # The level has `block + 1` more rows and columns than the image.
    sides = tf.shape(level)[1:3] - block - 1
    to_first = (glimpse_size * block - 1) / 2 - block
    return pixel_coordinates(locations[:, ::-1], sides) - to_first


def _read(level, positions):
    """Pixels at the P rows and P columns of (B, 2, P): (B, P, P, C)."""
    shape = tf.shape(level)
    batch, sides = shape[0], shape[1:3]
    # Beyond its border a level goes on as it is there: wholly outside.
    positions = tf.clip_by_value(positions, 0, sides[:, None] - 1)
    rows = positions[:, 0] + tf.range(batch)[:, None] * sides[0]
    indices = rows[:, :, None] * sides[1] + positions[:, 1, None]
    return tf.gather(tf.reshape(level, (-1, level.shape[-1])), indices)


def _nearest_crop(level, locations, glimpse_size, block):
    first = _first_positions(level, locations, glimpse_size, block)
    first = tf.cast(tf.floor(first + 0.5), "int32")
    steps = tf.range(glimpse_size) * block
    return _read(level, first[..., None] + steps)


def _bilinear_crop(level, locations, glimpse_size, block):
    exact = _first_positions(level, locations, glimpse_size, block)
    if block == 1:  # the upper neighbour of a pixel is the next pixel
        steps = tf.range(glimpse_size + 1)
        lower, upper = slice(0, glimpse_size), slice(1, glimpse_size + 1)
    else:
        steps = tf.range(glimpse_size) * block
        steps = tf.concat([steps, steps + 1], axis=0)
        lower, upper = slice(0, glimpse_size), slice(glimpse_size, None)
    first = tf.floor(exact)
    pixels = _read(level, tf.cast(first, "int32")[..., None] + steps)
    dy, dx = tf.unstack(tf.cast(exact - first, pixels.dtype), axis=1)
    dy, dx = dy[:, None, None, None], dx[:, None, None, None]
    pixels = pixels[:, lower] + dy * (pixels[:, upper] - pixels[:, lower])
    return pixels[:, :, lower] + dx * (
        pixels[:, :, upper] - pixels[:, :, lower]
    )
