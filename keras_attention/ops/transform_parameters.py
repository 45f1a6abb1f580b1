"""The numbers a network predicts to place crops: their start, their bounds.

A localization network ends in one row of numbers for each crop, the
parameters of its transform. They start where a network that knows nothing
should look: everywhere, so that the crop of one transform is the image, and
the crops of several are its tiles. And they can be bounded, because a loss
that punishes what is seen is cheapest where nothing is: without bounds a crop
may grow until the image is a speck in it, or leave the image, and outside
there is no gradient that leads back.

Convention:
    Parameters are (..., P), in the order of `sampling_grid`: theta row by row.
    A projective transform has 8: its h33 is 1. Of the affine and projective
    transforms, A is the left 2 x 2 part and the scale |A| / sqrt(2), with
    Frobenius's norm |A|, which is the scale of a similarity.
"""

import math

import numpy as np
import tensorflow as tf

from keras_attention.ops.bounds import bounded
from keras_attention.ops.sampling_grid import AFFINE_FAMILY, affine_matrix
from keras_attention.ops.thin_plate_spline import control_points

# Of |h31| and of |h32|: then the denominator is 0.1 at least in the output.
STEEPEST_PERSPECTIVE = 0.45


def tiled_starts(
    transform, num_transforms=1, num_control_points=4, bounds=None
):
    """Parameters whose crops are the tiles of the image.

    The tiles are those of the smallest arrangement with `ceil(sqrt(n))`
    columns; crop i covers tile i, row by row, as far as the transform can: a
    translation only has its centre, a rotation stays the identity, and where
    both axes have one scale it is the larger. The tile of a single transform
    is the image, so it is the identity.

    Args:
        transform: as in `sampling_grid`.
        num_transforms: n.
        num_control_points: K of a thin plate spline.
        bounds: None, or (low, high) of the scale, as in `bound_parameters`.

    Returns:
        (n, P) float32 array.

    Example:
    The left and the right half:

    >>> from keras_attention.ops import transform_parameters
    >>> transform_parameters.tiled_starts("affine", 2)
    array([[ 0.5,  0. , -0.5,  0. ,  1. ,  0. ],
           [ 0.5,  0. ,  0.5,  0. ,  1. ,  0. ]], dtype=float32)
    """
    columns = math.ceil(math.sqrt(num_transforms))
    rows = math.ceil(num_transforms / columns)
    scales = np.array([1 / columns, 1 / rows])
    starts = []
    for i in range(num_transforms):
        row, column = divmod(i, columns)
        centre = (2 * np.array([column, row]) + 1) * scales - 1
        starts.append(_tile(transform, scales, centre, num_control_points))
    starts = np.array(starts, "float32")
    if bounds is None:
        return starts
    with tf.init_scope():
        return np.array(bound_parameters(starts, transform, bounds))


def bound_parameters(parameters, transform, bounds):
    """Keeps crops on the image, with `bounded`.

    The centre (t_x, t_y), of a spline the mean of its control points, stays
    within [-1, 1] and the scale within the bounds; h31 and h32 within
    [-0.45, 0.45]; each control point within [-high, high].

    Args:
        parameters: (B, P) floating tensor.
        transform: as in `sampling_grid`.
        bounds: (low, high) of the scale.

    Returns:
        (B, P) tensor.

    Example:
    >>> from keras_attention.ops import transform_parameters
    >>> far_and_large = tf.constant([[9.0, 2.0, -3.0]])
    >>> transform_parameters.bound_parameters(
    ...     far_and_large, "attention", (0.1, 1.5)
    ... ).numpy()
    array([[ 1.5,  1. , -1. ]], dtype=float32)
    """
    if transform == "translation":
        return bounded(parameters, -1.0, 1.0)
    if transform == "rotation":
        return parameters
    if transform == "thin_plate_spline":
        return _bound_control_points(parameters, bounds[1])
    if transform in ("attention", "similarity"):
        return _bound_similarity(parameters, bounds)
    return _bound_matrix(parameters, bounds)


def theta_of(parameters, transform):
    """Shapes parameters as the theta that says most.

    Args:
        parameters: (B, P) float32 tensor.
        transform: as in `sampling_grid`.

    Returns:
        (B, 2, 3) for the affine family, (B, 3, 3) for `"projective"`, and
        (B, K * K, 2) for `"thin_plate_spline"`.
    """
    if transform == "affine":
        return tf.reshape(parameters, (-1, 2, 3))
    if transform in AFFINE_FAMILY:
        return affine_matrix(parameters, transform)
    if transform == "projective":
        one = tf.ones_like(parameters[:, :1])
        return tf.reshape(tf.concat([parameters, one], axis=1), (-1, 3, 3))
    return tf.reshape(parameters, (-1, parameters.shape[1] // 2, 2))


def check_bounds(bounds, transform, num_transforms=1):
    """Raises `ValueError` unless a crop can start within the bounds.

    The smallest scale must let the start in. A largest scale below 1 moves
    the start inwards, but that of a spline, whose control points say where
    its edges are.

    Args:
        bounds: None, or (low, high) of the scale.
        transform: as in `sampling_grid`.
        num_transforms: n of `tiled_starts`.
    """
    if bounds is None:
        return
    if not isinstance(bounds, (list, tuple)) or len(bounds) != 2:
        raise ValueError(
            "`bounds` must be None or (min_scale, max_scale). "
            f"Received: bounds={bounds!r}"
        )
    low, high = bounds
    if not 0 < low <= high < math.inf:
        raise ValueError(
            "`bounds` must hold 0 < min_scale <= max_scale. "
            f"Received: bounds={bounds!r}"
        )
    if transform == "thin_plate_spline" and high < 1:
        raise ValueError(
            "`bounds` of a thin plate spline must hold max_scale >= 1. "
            f"Received: bounds={bounds!r}"
        )
    start = _start_scale(transform, num_transforms)
    if low > start:
        raise ValueError(
            f"`bounds` must hold the scale {start:.3f} that the transforms "
            f"start with. Received: bounds={bounds!r}"
        )


def _start_scale(transform, num_transforms):
    """The scale, as bounds mean it, of all crops at their start."""
    start = tiled_starts(transform, num_transforms)[0]
    if transform in ("attention", "similarity"):
        return float(start[0])
    if transform in ("affine", "projective"):
        return math.hypot(start[0], start[4]) / math.sqrt(2)
    return 1.0


def _tile(transform, scales, centre, num_control_points):
    """The parameters of one tile."""
    (width, height), (x, y) = scales, centre
    if transform == "thin_plate_spline":
        return (control_points(num_control_points) * scales + centre).ravel()
    return {
        "translation": [x, y],
        "attention": [max(scales), x, y],
        "rotation": [0],
        "similarity": [max(scales), 0, x, y],
        "affine": [width, 0, x, 0, height, y],
        "projective": [width, 0, x, 0, height, y, 0, 0],
    }[transform]


def _bound_control_points(parameters, high):
    """Of (x, y) of each."""
    points = tf.reshape(parameters, (-1, parameters.shape[1] // 2, 2))
    mean = tf.reduce_mean(points, axis=1, keepdims=True)
    points += bounded(mean, -1.0, 1.0) - mean
    return tf.reshape(bounded(points, -high, high), (-1, parameters.shape[1]))


def _bound_similarity(parameters, bounds):
    """Of (scale, t_x, t_y) or (scale, angle, t_x, t_y)."""
    scale, angle = parameters[:, :1], parameters[:, 1:-2]
    centre = bounded(parameters[:, -2:], -1.0, 1.0)
    return tf.concat([bounded(scale, *bounds), angle, centre], axis=1)


def _bound_matrix(parameters, bounds):
    """Of (a11, a12, t_x, a21, a22, t_y), and (h31, h32) where they follow."""
    matrix = tf.gather(parameters, [0, 1, 3, 4], axis=1)
    matrix = _bound_norm(matrix, bounds)
    centre = bounded(tf.gather(parameters, [2, 5], axis=1), -1.0, 1.0)
    perspective = bounded(
        parameters[:, 6:], -STEEPEST_PERSPECTIVE, STEEPEST_PERSPECTIVE
    )
    rows = [matrix[:, :2], centre[:, :1], matrix[:, 2:], centre[:, 1:]]
    return tf.concat([*rows, perspective], axis=1)


def _bound_norm(matrix, bounds):
    """Scales (B, 4) entries of A so that |A| / sqrt(2) is within bounds."""
    squares = tf.reduce_sum(tf.square(matrix), axis=1, keepdims=True)
    scale = tf.sqrt(squares / 2 + 1e-12)  # A may be zero
    return matrix * (bounded(scale, *bounds) / scale)
