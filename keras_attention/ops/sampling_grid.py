"""Sampling grids: where each pixel of an output comes from in the input.

A spatial transformer (Jaderberg et al. 2015, section 3.2) makes an output of
any size by asking, for each output pixel at (x_t, y_t), for the input location
(x_s, y_s) that is shown there. All these locations are the grid
T_theta(G), where G are the places of the output's pixels. For an affine
transform (equation 1)

    [x_s]           [x_t]
    [   ] = theta * [y_t],    theta = [t11 t12 t13]
    [y_s]           [ 1 ]             [t21 t22 t23]

As theta maps the output to the input, the crop is what the output's square is
mapped onto: a scale of 1/2 shows half of the image, twice as large; a
translation to the right shows what is on the right, moved to the left.

Convention:
    Locations are (x, y) in [-1, 1], x along the width, y along the height.
    With `align_corners=True` (-1, -1) is the centre of the top-left pixel and
    (1, 1) the centre of the bottom-right one; with `align_corners=False` they
    are the outer corners of these pixels. An axis of a single pixel is at 0.
    As y points down, a positive angle turns the grid from x towards y, which
    is clockwise to the eye; what is seen turns the other way. Angles are true
    in square images only: both axes run from -1 to 1.
"""

import functools
import math

import numpy as np
import tensorflow as tf

from keras_attention.ops.thin_plate_spline import (
    control_points,
    lattice,
    spline_matrix,
)

# Shape of theta for one image.
THETA_SHAPES = {
    "translation": (2,),
    "attention": (3,),
    "rotation": (1,),
    "similarity": (4,),
    "affine": (2, 3),
    "projective": (3, 3),
    "thin_plate_spline": ("K * K", 2),
}
AFFINE_FAMILY = (
    "translation",
    "attention",
    "rotation",
    "similarity",
    "affine",
)
SMALLEST_DENOMINATOR = 1e-6


def sampling_grid(theta, output_shape, transform="affine", align_corners=True):
    """Finds the input location of each output pixel.

    Args:
        theta: what the transform needs, in float32:

            - `"translation"`: (B, 2), the crop's centre (t_x, t_y).
            - `"attention"`: (B, 3), (scale, t_x, t_y), equation 2 of the
              paper.
            - `"rotation"`: (B, 1), an angle in radians.
            - `"similarity"`: (B, 4), (scale, angle, t_x, t_y).
            - `"affine"`: (B, 2, 3), equation 1.
            - `"projective"`: (B, 3, 3), applied to (x, y, 1); the first two
              of the result are divided by the third. Where this denominator
              is within 1e-6 of zero, it is taken as 1e-6 with its sign.
            - `"thin_plate_spline"`: (B, K * K, 2), with K at least 2. The
              control points lie regularly in the output, on [-1, 1], row by
              row; theta says where in the input each comes from.
        output_shape: (H', W').
        transform: one of the above.
        align_corners: what -1 and 1 are, see the convention above.

    Returns:
        (B, H', W', 2) float32 tensor of (x, y).

    Raises:
        ValueError: if the transform is unknown, theta does not have its
            shape, or `output_shape` is not two positive whole numbers.

    Example:
    The right half of an image:

    >>> theta = [[[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]]]
    >>> grid = sampling_grid(theta, (2, 3))
    >>> grid[0, :, :, 0].numpy()  # x
    array([[0. , 0.5, 1. ],
           [0. , 0.5, 1. ]], dtype=float32)
    >>> grid[0, :, :, 1].numpy()  # y
    array([[-1., -1., -1.],
           [ 1.,  1.,  1.]], dtype=float32)

    Reference:
        Jaderberg, Simonyan, Zisserman, Kavukcuoglu 2015, Spatial Transformer
        Networks, https://arxiv.org/abs/1506.02025
    """
    output_shape = check_output_shape(output_shape)
    theta = _checked(theta, transform)
    if transform == "thin_plate_spline":
        return _spline_grid(theta, output_shape, align_corners)
    if transform == "projective":
        return _project(_apply(theta, output_shape, align_corners))
    matrix = affine_matrix(theta, transform)
    return _apply(matrix, output_shape, align_corners)


def affine_matrix(theta, transform):
    """Writes a transform of the affine family as the matrix of equation 1.

    Without `"affine"`, which is its own matrix, they are all of the form

        [a -b t_x]      a = scale * cos(angle)
        [b  a t_y]      b = scale * sin(angle)

    Args:
        theta: as in `sampling_grid`.
        transform: `"translation"`, `"attention"`, `"rotation"`,
            `"similarity"` or `"affine"`.

    Returns:
        (B, 2, 3) float32 tensor.

    Raises:
        ValueError: if the transform is another, or theta does not have its
            shape.

    Example:
    >>> affine_matrix([[2, 0.5, 0.1, 0.2]], "similarity").numpy().round(2)
    array([[[ 1.76, -0.96,  0.1 ],
            [ 0.96,  1.76,  0.2 ]]], dtype=float32)
    """
    if transform not in AFFINE_FAMILY:
        raise ValueError(
            f"`transform` must be one of {AFFINE_FAMILY} to have an affine "
            f"matrix. Received: transform={transform!r}"
        )
    theta = _checked(theta, transform)
    if transform == "affine":
        return theta
    scale, angle, x, y = _as_similarity(theta, transform)
    a, b = scale * tf.cos(angle), scale * tf.sin(angle)
    return tf.reshape(tf.stack([a, -b, x, b, a, y], axis=-1), (-1, 2, 3))


def check_output_shape(output_shape):
    """Raises `ValueError` unless it is (H', W'), and returns it as a tuple."""
    fits = (
        isinstance(output_shape, (list, tuple))
        and len(output_shape) == 2
        and all(type(size) is int and size > 0 for size in output_shape)
    )
    if not fits:
        raise ValueError(
            "`output_shape` must be two positive whole numbers (height, "
            f"width). Received: output_shape={output_shape!r}"
        )
    return tuple(output_shape)


def check_transform(transform):
    """Raises `ValueError` unless it names a transform."""
    if transform not in THETA_SHAPES:
        raise ValueError(
            f"`transform` must be one of {tuple(THETA_SHAPES)}. "
            f"Received: transform={transform!r}"
        )


def _checked(theta, transform):
    """Theta in float32, if it has the shape that the transform needs."""
    check_transform(transform)
    theta = tf.cast(tf.convert_to_tensor(theta), "float32")
    expected = THETA_SHAPES[transform]
    shape = theta.shape
    if transform == "thin_plate_spline" and shape.rank == 3:
        side = math.isqrt(shape[1] or 0)
        expected = (side**2 if side > 1 else "K * K", 2)
    if shape.rank is None or tuple(shape[1:]) != expected:
        form = ", ".join(str(size) for size in THETA_SHAPES[transform])
        raise ValueError(
            f"`theta` of the transform {transform!r} must have the shape "
            f"(batch, {form}). Received: theta.shape={shape}"
        )
    return theta


def _as_similarity(theta, transform):
    """(scale, angle, t_x, t_y), each (B,)."""
    values = tf.unstack(theta, axis=-1)
    zero = tf.zeros_like(values[0])
    if transform == "translation":
        return (zero + 1, zero, *values)
    if transform == "attention":
        return (values[0], zero, *values[1:])
    if transform == "rotation":
        return (zero + 1, *values, zero, zero)
    return values


def _pixel_centres(size, align_corners):
    centres = np.linspace(-1, 1, size) if size > 1 else np.zeros(1)
    return centres if align_corners else centres * (size - 1) / size


def _apply(matrix, output_shape, align_corners):
    """The matrix times (x, y, 1) of each output pixel: (B, H', W', rows).

    Sums of products instead of a matrix product, which accelerators round to
    fewer digits than a large image needs.
    """
    y, x = (_pixel_centres(size, align_corners) for size in output_shape)
    x = tf.constant(x[:, None], "float32")  # (W', 1)
    y = tf.constant(y[:, None, None], "float32")  # (H', 1, 1)
    matrix = matrix[:, None, None]  # (B, 1, 1, rows, 3)
    return x * matrix[..., 0] + (y * matrix[..., 1] + matrix[..., 2])


def _project(homogeneous):
    """Divides the first two of (B, H', W', 3) by the third."""
    denominator = homogeneous[..., 2:]
    small = tf.where(
        denominator < 0, -SMALLEST_DENOMINATOR, SMALLEST_DENOMINATOR
    )
    is_small = tf.abs(denominator) < SMALLEST_DENOMINATOR
    return homogeneous[..., :2] / tf.where(is_small, small, denominator)


def _spline_grid(theta, output_shape, align_corners):
    side = math.isqrt(theta.shape[1])
    matrix = _spline_matrix(side, output_shape, align_corners)
    # (H' * W', K * K) times (B, K * K, 2)
    grid = tf.matmul(tf.constant(matrix)[None], theta)
    return tf.reshape(grid, (-1, *output_shape, 2))


@functools.lru_cache(maxsize=16)
def _spline_matrix(num_control_points, output_shape, align_corners):
    y, x = (_pixel_centres(size, align_corners) for size in output_shape)
    controls = control_points(num_control_points)
    return spline_matrix(lattice(x, y), controls).astype("float32")
