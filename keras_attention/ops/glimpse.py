"""Glimpses: square crops around a location, at several scales.

A glimpse (Mnih et al. 2014, section 3.1) is a stack of `num_scales` square
crops with one centre. The crop at scale k covers `2**k * glimpse_size` pixels
a side and is reduced to `glimpse_size` by averaging blocks of `2**k` pixels a
side, so it sees more and resolves less.

Averaging a block of pixels and then interpolating is the same as
interpolating in an image whose every pixel is already the mean of the block
that starts there. Those images, one for each scale, are the pyramid. They
keep the full resolution, so every sub-pixel location is exact, and each is
made from the one before with two additions an axis. A glimpse then reads only
the pixels it shows: its cost does not depend on the size of the image.

Convention:
    Images are (B, H, W, C). A location is (x, y): x runs along the width, y
    along the height, (-1, -1) is the centre of the top-left pixel and (1, 1)
    the centre of the bottom-right one, so x is the pixel coordinate
    `(x + 1) / 2 * (W - 1)`. The centre of the crop is laid on that point: a
    crop of odd size has its middle pixel there, a crop of even size the
    corner between its four middle pixels. Outside the image is `fill_value`.
"""

import tensorflow as tf


def glimpse(
    images,
    locations,
    glimpse_size,
    num_scales=1,
    interpolation="bilinear",
    fill_value=0.0,
):
    """Crops squares around locations at several scales.

    Args:
        images: (B, H, W, C) floating tensor.
        locations: (B, 2) floating tensor of (x, y), see the convention above.
            Locations outside [-1, 1] are allowed. One that is NaN or infinite
            spoils its own glimpse only.
        glimpse_size: side of the crop at the finest scale, in pixels; all
            scales are returned at this size.
        num_scales: number of crops, each twice as wide as the one before.
        interpolation: `"bilinear"` has a gradient to the locations;
            `"nearest"` moves the crop to the nearest whole pixel (halves go
            up), which is four times less to read and has none.
        fill_value: value of everything outside the image.

    Returns:
        (B, glimpse_size, glimpse_size, num_scales * C), the finest scale
        first, in the dtype of `images`.

    Raises:
        ValueError: if a shape, a count or the interpolation is not as above.

    Example:
    >>> image = tf.reshape(tf.range(16.0), (1, 4, 4, 1))
    >>> glimpse(image, [[-1.0, -1.0]], glimpse_size=3)[0, :, :, 0].numpy()
    array([[0., 0., 0.],
           [0., 0., 1.],
           [0., 4., 5.]], dtype=float32)

    Reference:
        Mnih, Heess, Graves, Kavukcuoglu 2014, Recurrent Models of Visual
        Attention, https://arxiv.org/abs/1406.6247
    """
    pyramid = glimpse_pyramid(images, num_scales, fill_value)
    return glimpse_from_pyramid(pyramid, locations, glimpse_size, interpolation)


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
    if images.shape.rank != 4 or not images.dtype.is_floating:
        raise ValueError(
            "`images` must be a floating tensor of shape (batch, height, "
            f"width, channels). Received: images.shape={images.shape}, "
            f"dtype={images.dtype.name}"
        )
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
    locations = tf.convert_to_tensor(locations)
    if locations.shape.rank != 2 or locations.shape[-1] != 2:
        raise ValueError(
            "`locations` must have the shape (batch, 2). Received: "
            f"locations.shape={locations.shape}"
        )
    images, places = pyramid[0].shape[0], locations.shape[0]
    if None not in (images, places) and images != places:
        raise ValueError(
            "There must be one location for each image. Received: "
            f"{images} images, {places} locations"
        )
    locations = tf.cast(locations, "float32")
    crop = _bilinear_crop if interpolation == "bilinear" else _nearest_crop
    crops = [
        crop(level, locations, glimpse_size, block=2**k)
        for k, level in enumerate(pyramid)
    ]
    return tf.concat(crops, axis=-1)


def check_count(name, value):
    """Raises `ValueError` unless `value` is a whole number of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(
            f"`{name}` must be a whole number of at least 1. "
            f"Received: {name}={value!r}"
        )


def check_interpolation(value):
    """Raises `ValueError` unless `value` names an interpolation."""
    if value not in ("bilinear", "nearest"):
        raise ValueError(
            '`interpolation` must be "bilinear" or "nearest". '
            f"Received: interpolation={value!r}"
        )


def _pad(images, width, fill_value):
    paddings = [[0, 0], [width, width], [width, width], [0, 0]]
    return tf.pad(images, paddings, constant_values=fill_value)


def _average_neighbours(level, block, fill_value):
    """Means of blocks twice as wide, from the means of blocks of `block`."""
    level = _pad(level, block, fill_value)
    level = (level[:, :-block] + level[:, block:]) / 2
    return (level[:, :, :-block] + level[:, :, block:]) / 2


def _first_positions(level, locations, glimpse_size, block):
    """Where the first block of each crop starts: (B,) rows, (B,) columns.

    In indices of the level, fractional.
    """
    # The level has `block + 1` more rows and columns than the image.
    spans = tf.cast(tf.shape(level)[1:3] - block - 2, "float32")
    to_first = (glimpse_size * block - 1) / 2 - block
    rows = (locations[:, 1] + 1) / 2 * spans[0] - to_first
    columns = (locations[:, 0] + 1) / 2 * spans[1] - to_first
    return rows, columns


def _read(level, rows, columns):
    """Pixels at (B, R) rows and (B, K) columns: (B, R, K, C)."""
    shape = tf.shape(level)
    batch, height, width = shape[0], shape[1], shape[2]
    # Beyond its border a level goes on as it is there: wholly outside.
    rows = tf.clip_by_value(rows, 0, height - 1)
    columns = tf.clip_by_value(columns, 0, width - 1)
    rows += tf.range(batch)[:, None] * height
    indices = rows[:, :, None] * width + columns[:, None, :]
    return tf.gather(tf.reshape(level, (-1, level.shape[-1])), indices)


def _nearest_crop(level, locations, glimpse_size, block):
    rows, columns = _first_positions(level, locations, glimpse_size, block)
    steps = tf.range(glimpse_size) * block
    rows = tf.cast(tf.floor(rows + 0.5), "int32")[:, None] + steps
    columns = tf.cast(tf.floor(columns + 0.5), "int32")[:, None] + steps
    return _read(level, rows, columns)


def _bilinear_crop(level, locations, glimpse_size, block):
    rows, columns = _first_positions(level, locations, glimpse_size, block)
    if block == 1:  # the upper neighbour of a pixel is the next pixel
        steps = tf.range(glimpse_size + 1)
        lower, upper = slice(0, glimpse_size), slice(1, glimpse_size + 1)
    else:
        steps = tf.range(glimpse_size) * block
        steps = tf.concat([steps, steps + 1], axis=0)
        lower, upper = slice(0, glimpse_size), slice(glimpse_size, None)
    first_row, first_column = tf.floor(rows), tf.floor(columns)
    pixels = _read(
        level,
        tf.cast(first_row, "int32")[:, None] + steps,
        tf.cast(first_column, "int32")[:, None] + steps,
    )
    dy = tf.cast(rows - first_row, pixels.dtype)[:, None, None, None]
    dx = tf.cast(columns - first_column, pixels.dtype)[:, None, None, None]
    pixels = pixels[:, lower] + dy * (pixels[:, upper] - pixels[:, lower])
    return pixels[:, :, lower] + dx * (
        pixels[:, :, upper] - pixels[:, :, lower]
    )
