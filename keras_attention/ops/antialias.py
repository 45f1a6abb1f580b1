"""Smoothing an image before a coarse grid samples it.

Interpolation reads the four pixels next to a point. Where neighbouring points
of a grid are further than a pixel apart, the pixels in between are skipped,
and stripes that are finer than the grid turn up as stripes that are not in
the image. Taking the fine detail out first avoids that. How much of it must
go depends on the grid: with `factor` the number of input pixels that one step
of the output covers along an axis of the input, a Gaussian with

    stddev = max(0, (factor - 1) / 2)

leaves what the output can show (the rule of scikit-image's `rescale`).

For a grid that is an affine map, `factor` is the length of a row of the
Jacobian of pixels in to pixels out: along the input's x axis
`hypot(dx/du, dx/dv)`, with u and v the axes of the output. In general it is
the root of the mean of its square over the grid.

Convention:
    Images and grids are those of `grid_sample`.
"""

import tensorflow as tf

from keras_attention.ops.grid_sample import (
    check_images_and_grid,
    pixel_coordinates,
)

# A point further out is no more part of an estimate than one that is NaN.
FAR = 1e6


def antialias(images, grid, align_corners=True):
    """Smooths images as much as sampling them at a grid asks for.

    The filter is chosen from the grid, for each example and for each axis;
    call `grid_sample` on what it returns:

        factor = sqrt(mean((dx/du)**2) + mean((dx/dv)**2))
        stddev = max(0, (factor - 1) / 2)

    with differences in place of derivatives, x in input pixels, and the same
    for y. Where the grid does not shrink, the image stays as it is. At the
    border the weights of the pixels that exist are scaled to sum 1.

    Args:
        images: (B, H, W, C) floating tensor.
        grid: (B, H', W', 2) floating tensor of (x, y), as for `grid_sample`.
            Points that are no numbers are left out of the estimate. There is
            a gradient to the grid through `stddev`.
        align_corners: as for `grid_sample`.

    Returns:
        (B, H, W, C), in the dtype of `images`; computed in float32.

    Raises:
        ValueError: if a shape or a dtype is not as above.

    Example:
    >>> stripes = tf.tile([[[[0.0], [1.0]]]], [1, 1, 8, 1])
    >>> grid = [[[[-0.6, 0.0], [0.2, 0.0]]]]  # the pixels 3 and 9 of 0 ... 15
    >>> grid_sample(stripes, grid)[0, 0, :, 0].numpy().round(1)
    array([1., 1.], dtype=float32)
    >>> smooth = antialias(stripes, grid)
    >>> grid_sample(smooth, grid)[0, 0, :, 0].numpy().round(1)
    array([0.5, 0.5], dtype=float32)
    """
    images, grid = tf.convert_to_tensor(images), tf.convert_to_tensor(grid)
    check_images_and_grid(images, grid)
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    grid = tf.cast(grid, "float32")
    smooth = tf.cast(images, "float32")
    stddev = _stddev(grid[..., 1], height, align_corners)
    smooth = _smooth_columns(smooth, stddev)
    stddev = _stddev(grid[..., 0], width, align_corners)
    smooth = tf.transpose(smooth, (0, 2, 1, 3))
    smooth = tf.transpose(_smooth_columns(smooth, stddev), (0, 2, 1, 3))
    smooth = tf.ensure_shape(smooth, images.shape)
    return tf.cast(smooth, images.dtype)


def _stddev(coordinates, size, align_corners):
    """Width of the filter along one input axis, in pixels: (B,)."""
    is_known = tf.abs(coordinates) <= FAR  # false for NaN
    # Replaced before the arithmetic, so that the gradient is finite too.
    coordinates = tf.where(is_known, coordinates, 0.0)
    c = pixel_coordinates(coordinates, size, align_corners)
    squares = _mean_square(
        c[:, 1:] - c[:, :-1], is_known[:, 1:] & is_known[:, :-1]
    ) + _mean_square(
        c[:, :, 1:] - c[:, :, :-1], is_known[:, :, 1:] & is_known[:, :, :-1]
    )
    # A factor below 1 counts as 1; where it is 0, its root has no gradient.
    return (tf.sqrt(tf.maximum(squares, 1.0)) - 1) / 2


def _mean_square(steps, is_known):
    """Mean over the steps that are known, 0 if there is none: (B,)."""
    known = tf.cast(is_known, "float32")
    total = tf.reduce_sum(tf.square(steps) * known, axis=(1, 2))
    return total / tf.maximum(tf.reduce_sum(known, axis=(1, 2)), 1.0)


def _smooth_columns(images, stddev):
    """Filters along the first axis after the batch."""
    shape = tf.shape(images)
    weights = _gaussian_weights(shape[1], stddev)
    rows = tf.reshape(images, (shape[0], shape[1], shape[2] * shape[3]))
    return tf.reshape(tf.matmul(weights, rows), shape)


def _gaussian_weights(size, stddev):
    """Weight of pixel j in the filtered pixel i: (B, size, size)."""
    place = tf.range(tf.cast(size, "float32"))
    distances = tf.square(place[:, None] - place)
    # exp(-distance / 0.002) is 0 in float32, so that below a stddev of 0.03
    # this is the identity, exactly, and nothing is divided by 0.
    variance = tf.maximum(tf.square(stddev), 1e-3)[:, None, None]
    weights = tf.exp(-distances / (2 * variance))
    # Not a softmax, which some processors round below 1 for a single weight.
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)
