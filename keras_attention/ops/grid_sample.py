"""Sampling an image at the points of a grid.

A sampling grid says, for each pixel of the output, where in the input its
value is found (Jaderberg et al. 2015, section 3.3). The point lies between
four pixels; bilinear interpolation weighs them by how near they are, so the
output has a gradient to the image and to the grid: equations 3, 6 and 7.

With c the coordinate of a point along an axis, in pixels, i = floor(c) and
d = c - i, the pixels i and i + 1 have the weights 1 - d and d, whose slopes
are -1 and 1. The weight of one of the four is the product of those of its row
and its column; its slope along x takes the slope of the column instead. A
pixel that is not in the image has weight 0.

Convention:
    Images are (B, H, W, C). A point of a grid is (x, y): x runs along the
    width, y along the height. With `align_corners=True`, (-1, -1) is the
    centre of the top-left pixel and (1, 1) that of the bottom-right one, so
    x is the pixel coordinate `(x + 1) / 2 * (W - 1)`. With
    `align_corners=False` these are the outer corners of the same pixels: x
    is `((x + 1) * W - 1) / 2`. Values and gradients are those of
    `torch.nn.functional.grid_sample`.
"""

import itertools
import math
import typing

import tensorflow as tf

from keras_attention.ops.checks import check_interpolation, check_option
from keras_attention.ops.images import check_images, sizes

PADDINGS = ("zeros", "value", "border", "reflection")


def grid_sample(
    images,
    grid,
    interpolation="bilinear",
    padding="zeros",
    align_corners=True,
    fill_value=0.0,
):
    """Samples images at the points of a grid.

    On a CPU most of the time goes into passes over memory, which XLA fuses.
    In a model that is not compiled as a whole,
    `tf.function(grid_sample, jit_compile=True)` compiles this function alone,
    once for each shape. It then computes both gradients, unless what needs
    none goes through `tf.stop_gradient` inside the compiled function.

    Args:
        images: (B, H, W, C) floating tensor.
        grid: (B, H', W', 2) floating tensor of (x, y), see the convention
            above. Points outside [-1, 1] are allowed, and so are those that
            are no numbers: see `padding`.
        interpolation: `"bilinear"`, or `"nearest"` for the nearest pixel
            (halves go to the even one), which has no gradient to the grid.
        padding: what is outside the image: `"zeros"`; `"value"`, that is
            `fill_value`; `"border"`, the nearest pixel of the border;
            `"reflection"`, the image mirrored at the centres
            (`align_corners=True`) or the outer edges of its border pixels.
            A point with a NaN is outside; where there is no outside, NaN
            means the first pixel of its axis, as does an infinity for
            `"reflection"`.
        align_corners: whether -1 and 1 are the centres of the border pixels
            or their outer edges.
        fill_value: the number outside the image, for `padding="value"`.

    Returns:
        (B, H', W', C), in the dtype of `images`. Coordinates are computed in
        float32, and so are the values of half-precision images.

    Raises:
        ValueError: if a shape, a dtype or an option is not as above.

    Example:
    >>> image = tf.reshape(tf.range(4.0), (1, 2, 2, 1))
    >>> grid = [[[[-1.0, -1.0], [0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]]]
    >>> grid_sample(image, grid)[0, :, :, 0].numpy()
    array([[0. , 1.5, 2. , 0. ]], dtype=float32)

    Reference:
        Jaderberg, Simonyan, Zisserman, Kavukcuoglu 2015, Spatial Transformer
        Networks, https://arxiv.org/abs/1506.02025
    """
    images, grid = tf.convert_to_tensor(images), tf.convert_to_tensor(grid)
    check_images_and_grid(images, grid)
    check_interpolation(interpolation)
    check_padding(padding, fill_value)
    _, height, width, _ = sizes(images)
    x, y = tf.unstack(tf.cast(grid, "float32"), axis=-1)
    x = pixel_coordinates(x, width, align_corners)
    y = pixel_coordinates(y, height, align_corners)
    if padding == "reflection":
        x = _reflect(x, width, align_corners)
        y = _reflect(y, height, align_corners)
    if padding in ("border", "reflection"):
        x, y = _clip(x, width), _clip(y, height)
    sample = _bilinear if interpolation == "bilinear" else _nearest
    output = sample(images, x, y, fill_value)
    output = output + fill_value if fill_value else output
    return tf.cast(output, images.dtype)


def check_images_and_grid(images, grid):
    """Raises `ValueError` unless the tensors fit `grid_sample`."""
    check_images(images)
    if (
        grid.shape.rank != 4
        or grid.shape[-1] != 2
        or not grid.dtype.is_floating
    ):
        raise ValueError(
            "`grid` must be a floating tensor of shape (batch, height, "
            f"width, 2). Received: grid.shape={grid.shape}, "
            f"dtype={grid.dtype.name}"
        )
    if not images.shape[:1].is_compatible_with(grid.shape[:1]):
        raise ValueError(
            "There must be one grid for each image. Received: "
            f"{images.shape[0]} images, {grid.shape[0]} grids"
        )


def pixel_coordinates(coordinates, size, align_corners):
    """Maps [-1, 1] to the pixels 0 ... size - 1 of an axis."""
    size = tf.cast(size, "float32")
    if align_corners:
        return (coordinates + 1) * ((size - 1) / 2)
    return (coordinates + 1) * (size / 2) - 0.5


def check_padding(padding, fill_value):
    """Raises `ValueError` unless the options fit each other."""
    check_option("padding", padding, PADDINGS)
    if not math.isfinite(fill_value):
        raise ValueError(
            "`fill_value` must be a finite number. "
            f"Received: fill_value={fill_value!r}"
        )
    if fill_value and padding != "value":
        raise ValueError(
            '`fill_value` is for `padding="value"` only. Received: '
            f"padding={padding!r}, fill_value={fill_value!r}"
        )


def _reflect(c, size, align_corners):
    """Mirrors coordinates at both ends of an axis, as often as needed."""
    first_mirror = 0.0 if align_corners else -0.5
    span = tf.cast(size, "float32") - (1.0 if align_corners else 0.0)
    # A single pixel between its mirrors has no span: `_clip` finds it.
    period = tf.maximum(2 * span, 1.0)
    c = tf.where(tf.abs(c) < math.inf, c, first_mirror)  # NaN is not below
    distance = tf.math.floormod(tf.abs(c - first_mirror), period)
    return tf.minimum(distance, period - distance) + first_mirror


def _clip(c, size):
    """Moves coordinates into the image, NaN to pixel 0.

    What it moves loses its gradient, and so does what lies on the border, as
    in PyTorch.
    """
    last = tf.cast(size, "float32") - 1
    beyond = tf.where(c >= last, last, 0.0)  # a comparison with NaN is false
    return tf.where((c > 0) & (c < last), c, beyond)


class _Neighbours(typing.NamedTuple):
    """The two pixels next to each coordinate of an axis: before, after.

    Where a place is not in the image, these are the two pixels nearest to
    it. The weight and the slope of what is too far away are 0.
    """

    before: tf.Tensor
    weights: tuple
    slopes: tuple


def _neighbours(c, size):
    size = tf.cast(size, "float32")
    c = tf.where(tf.math.is_nan(c), -2.0, c)  # outside
    inside = tf.maximum(tf.minimum(c, size - 1), 0.0)
    before = tf.floor(tf.minimum(inside, tf.maximum(size - 2, 0.0)))
    # How much of the weight lies in the image: less than 1 beyond its border.
    covered = tf.nn.relu(1 - tf.abs(c - inside))
    after = covered * (inside - before)
    return _Neighbours(
        before=tf.cast(before, "int32"),
        weights=(covered - after, after),
        slopes=_slopes(c, inside - before, size),
    )


def _slopes(c, d, size):
    """Slopes of the two weights, 0 for what is outside."""
    first = tf.cast((c >= 0) & (c < size), "float32")
    second = tf.cast((c >= -1) & (c < size - 1), "float32")
    # Inside only d has a slope, just outside only what is covered.
    covered = second - first
    after = first * second + covered * d
    return covered - after, after


def _near(c, size):
    """Moves what is far outside the image to a near place outside.

    That one fits an integer, which a huge, an infinite or no number does not.
    """
    is_near = (c >= -1) & (c <= tf.cast(size, "float32"))
    return tf.where(is_near, c, -2.0)


def _find(place, size):
    """Index of the pixel at a whole place, and 1 if it exists, else 0."""
    index = tf.clip_by_value(place, 0.0, tf.cast(size, "float32") - 1)
    exists = tf.cast(tf.equal(index, place), "float32")
    return tf.cast(index, "int32"), exists


def _flat_indices(images, rows, columns):
    """Indices into the pixels of all images, one image after the other."""
    batch, height, width, _ = sizes(images)
    first_rows = (tf.range(batch) * height)[:, None, None]
    return (first_rows + rows) * width + columns


def _read(images, indices, fill_value):
    """Reads pixels, less the value that is outside: (..., C)."""
    channels = sizes(images)[-1]
    flat = tf.reshape(images, (-1, channels))
    # On a CPU, faster than `tf.gather`; its gradient is, for a flat list.
    pixels = tf.gather_nd(flat, tf.reshape(indices, (-1, 1)))
    pixels = tf.reshape(pixels, (*sizes(indices), channels))
    pixels = tf.cast(pixels, _compute_dtype(images))
    return pixels - fill_value if fill_value else pixels


def _compute_dtype(images):
    return "float64" if images.dtype == "float64" else "float32"


def _nearest(images, x, y, fill_value):
    _, height, width, _ = sizes(images)
    row, row_exists = _find(tf.round(_near(y, height)), height)
    column, column_exists = _find(tf.round(_near(x, width)), width)
    pixels = _read(images, _flat_indices(images, row, column), fill_value)
    return pixels * _per_pixel(row_exists * column_exists, images)


def _bilinear(images, x, y, fill_value):
    # By hand, because the gradient TensorFlow derives makes more passes over
    # memory. It looks at the image again instead of keeping what was seen: a
    # graph does it once, and the gradient has a gradient of its own.
    @tf.custom_gradient
    def sample(images, x, y):
        rows, columns, _, corners = _look(images, x, y, fill_value)
        weights = _products(rows.weights, columns.weights)
        output = _sum_corners(corners * _per_pixel(weights, images))

        def gradient(upstream):
            rows, columns, indices, corners = _look(images, x, y, fill_value)
            weights = _products(rows.weights, columns.weights)
            dots = _dot(upstream[:, None], corners)
            return (
                _scatter(images, indices, weights, upstream),
                _sum_corners(dots * _products(rows.weights, columns.slopes)),
                _sum_corners(dots * _products(rows.slopes, columns.weights)),
            )

        return output, gradient

    return sample(images, x, y)


def _look(images, x, y, fill_value):
    """Neighbours on both axes, the indices and values of the four corners.

    The corners are on axis 1: (B, 4, H', W') and (B, 4, H', W', C). They are
    read in one go, one image after the other, because an image is then still
    in the cache when its next corner is read.
    """
    _, height, width, _ = sizes(images)
    rows, columns = _neighbours(y, height), _neighbours(x, width)
    first = _flat_indices(images, rows.before, columns.before)
    right, down = tf.minimum(width - 1, 1), tf.minimum(height - 1, 1) * width
    corners = tf.stack([0, right, down, down + right])[:, None, None]
    indices = first[:, None] + corners
    return rows, columns, indices, _read(images, indices, fill_value)


def _products(rows, columns):
    """Factors of the corners, from those of the axes: (B, 4, H', W')."""
    pairs = itertools.product(rows, columns)
    return tf.stack([row * column for row, column in pairs], axis=1)


def _sum_corners(parts):
    return tf.reduce_sum(parts, axis=1)


def _dot(upstream, pixels):
    """Sums products over the channels: (B, 4, H', W')."""
    return tf.cast(tf.reduce_sum(upstream * pixels, axis=-1), "float32")


def _per_pixel(factor, images):
    """Makes a factor one of all channels of a pixel: (..., 1) or (..., C)."""
    factor = tf.cast(factor, _compute_dtype(images))[..., None]
    if images.shape[-1] == 1:
        return factor
    # Eigen is slow to broadcast over the last axis. (A product with a matrix
    # of ones is as fast as this, but a GPU may round its factors to TF32.)
    return tf.repeat(factor, sizes(images)[-1], axis=-1)


def _scatter(images, indices, weights, upstream):
    """Adds up what each pixel contributed to: the gradient to the images.

    One sum for the four corners, in the order in which they were read: here
    too, an image stays in the cache.
    """
    batch, height, width, _ = sizes(images)
    sums = tf.math.unsorted_segment_sum(
        upstream[:, None] * _per_pixel(weights, images),
        indices,
        batch * height * width,
    )
    return tf.cast(tf.reshape(sums, tf.shape(images)), images.dtype)
