"""Glimpses: square crops around a location, at several scales.

A glimpse (Mnih et al. 2014, section 3.1) is a stack of `num_scales` square
crops with one centre. The crop at scale k covers `f = 2**k` times
`glimpse_size` pixels a side and is reduced to `glimpse_size` by averaging: a
pixel of it is the mean of the image, taken as a mosaic of square pixels, over
a square of f x f pixels with its centre at c. Along one axis the pixel p of
the image lies in that square to the extent

    w(p) = clip((f + 1) / 2 - |p - c|, 0, 1),

so a crop is two matrix products, `w_rows @ image @ w_columns.T / f**2`. At
the finest scale, f = 1, this is bilinear interpolation. Of images larger
than 128 pixels a side only the pixels around the location are read: the cost
does not grow with the image. (To take many glimpses of the same small images,
see `keras_attention.ops.glimpse_pyramid`.)

Convention:
    Images are (B, H, W, C). A location is (x, y): x runs along the width, y
    along the height, (-1, -1) is the centre of the top-left pixel and (1, 1)
    the centre of the bottom-right one, so x is the pixel coordinate
    `(x + 1) / 2 * (W - 1)`. The centre of the crop is laid on that point: a
    crop of odd size has its middle pixel there, a crop of even size the
    corner between its four middle pixels. Outside the image is `fill_value`.
"""

import tensorflow as tf

from keras_attention.ops.checks import check_count, check_interpolation
from keras_attention.ops.images import check_images, sizes

# Up to this side reading a whole image costs less than finding a part of it.
_SMALL = 128
_FAR = 1e6


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
            Locations outside [-1, 1] are allowed; one that is NaN or infinite
            lies outside the image.
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
    images = tf.convert_to_tensor(images)
    check_images(images)
    locations = check_locations(locations, images.shape[0])
    check_count("glimpse_size", glimpse_size)
    check_count("num_scales", num_scales)
    check_interpolation(interpolation)
    dtype = images.dtype
    if dtype.size < 4:  # half precision cannot add up a block of pixels
        images = tf.cast(images, "float32")
    if fill_value:  # so that outside is 0
        images -= tf.cast(fill_value, images.dtype)
    blocks = [2**k for k in range(num_scales)]
    _, height, width, channels = sizes(images)
    rows, columns = (
        _block_centers(
            pixel_coordinates(locations[:, 1 - axis], size),
            glimpse_size,
            blocks,
            interpolation,
        )
        for axis, size in enumerate((height, width))
    )
    read = _read_whole if is_small(images.shape) else _read_window
    crops = read(images, rows, columns, blocks)
    if fill_value:
        crops += tf.cast(fill_value, crops.dtype)
    shape = (-1, glimpse_size, glimpse_size, num_scales * channels)
    return tf.cast(tf.reshape(crops, shape), dtype)


def pixel_coordinates(positions, size):
    """Coordinates of one axis, in pixels: 0 is the first, size - 1 the last.

    What is NaN or farther out than a million pixels lies a million out.
    """
    pixels = (positions + 1) / 2 * tf.cast(size - 1, "float32")
    pixels = tf.where(tf.math.is_nan(pixels), -_FAR, pixels)
    return tf.clip_by_value(pixels, -_FAR, _FAR)


def check_locations(locations, batch):
    """Locations in float32; `ValueError` unless there is one for each image."""
    locations = tf.convert_to_tensor(locations)
    if locations.shape.rank != 2 or locations.shape[-1] != 2:
        raise ValueError(
            "`locations` must have the shape (batch, 2). Received: "
            f"locations.shape={locations.shape}"
        )
    if None not in (batch, locations.shape[0]) and batch != locations.shape[0]:
        raise ValueError(
            "There must be one location for each image. Received: "
            f"{batch} images, {locations.shape[0]} locations"
        )
    return tf.cast(locations, "float32")


def is_small(shape):
    """Whether images of this shape are small enough to be read as a whole."""
    return None not in shape[1:3] and max(shape[1:3]) <= _SMALL


def _block_centers(pixels, glimpse_size, blocks, interpolation):
    """Centres of the blocks along one axis, in pixels: (B, scales, size)."""
    blocks = tf.constant(blocks, "float32")
    starts = pixels[:, None] - (glimpse_size * blocks - 1) / 2
    if interpolation == "nearest":
        starts = tf.floor(starts + 0.5)
    steps = tf.range(glimpse_size, dtype="float32")[None] * blocks[:, None]
    return starts[..., None] + steps + (blocks[:, None] - 1) / 2


def _read_whole(images, rows, columns, blocks):
    """Crops from all pixels: (B, size, size, scales, C)."""
    of_rows, of_columns = (
        _weights(centers, blocks, tf.range(size)[None])
        for centers, size in zip(
            (rows, columns), images.shape[1:3], strict=True
        )
    )
    return _products(images, of_rows, of_columns, blocks)


def _read_window(images, rows, columns, blocks):
    """The same from the pixels around the location: (B, size, ...)."""
    batch, height, width, _ = sizes(images)
    at_rows, of_rows = _window(rows, blocks, height)
    at_columns, of_columns = _window(columns, blocks, width)
    starts = tf.range(batch)[:, None] * height
    indices = (starts + at_rows)[:, :, None] * width + at_columns[:, None]
    pixels = tf.reshape(images, (-1, images.shape[-1]))
    return _products(tf.gather(pixels, indices), of_rows, of_columns, blocks)


def _window(centers, blocks, size):
    """The pixels that a crop needs of one axis, and their weights."""
    count = centers.shape[-1] * blocks[-1] + 2
    middle = (centers[:, 0, 0] + centers[:, 0, -1]) / 2
    first = tf.cast(tf.floor(middle), "int32") - (count - 1) // 2
    pixels = first[:, None] + tf.range(count)
    inside = tf.logical_and(pixels >= 0, pixels < size)
    weights = _weights(centers, blocks, pixels)
    weights *= tf.cast(inside, weights.dtype)[:, None, None]
    return tf.clip_by_value(pixels, 0, size - 1), weights


def _weights(centers, blocks, pixels):
    """6 w(p) of (B, P) pixels for each block: (B, scales, size, P)."""
    # All in sixths, so that the clip to [0, 1] is relu6, one pass over the
    # weights: these passes are what takes the time.
    reach = 3 * (tf.constant(blocks, "float32")[:, None, None] + 1)
    pixels = 6 * tf.cast(pixels, "float32")[:, None, None]
    return tf.nn.relu6(reach - tf.abs(pixels - 6 * centers[..., None]))


def _products(images, rows, columns, blocks):
    """w_rows @ image @ w_columns.T / f**2: (B, size, size, scales, C)."""
    _, height, width, channels = images.shape
    num_scales, size = rows.shape[1:3]
    rows = tf.reshape(rows, (-1, num_scales * size, height))
    columns = tf.cast(columns, images.dtype)
    images = tf.reshape(images, (-1, height, width * channels))
    crops = tf.matmul(tf.cast(rows, images.dtype), images)
    # Channels go beside the rows, so that two products do for all of them.
    crops = tf.reshape(crops, (-1, num_scales, size, width, channels))
    crops = tf.transpose(crops, (0, 1, 2, 4, 3))
    crops = tf.reshape(crops, (-1, num_scales, size * channels, width))
    crops = tf.matmul(crops, columns, transpose_b=True)
    crops = tf.reshape(crops, (-1, num_scales, size, channels, size))
    sums = tf.constant([(6 * block) ** 2 for block in blocks], images.dtype)
    return tf.transpose(crops, (0, 2, 4, 1, 3)) / sums[:, None]
