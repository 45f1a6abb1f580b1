"""Thin plate splines: the smoothest map of the plane through given points.

A thin metal plate that is pinned at some points bends as little as it can in
between. Its height at a place p, where the pins are at c_1 ... c_P, is

    f(p) = a_0 + a_x x + a_y y + sum_i w_i U(|p - c_i|),    U(r) = r^2 log r

with weights that are orthogonal to 1, x and y, so that far away the plate is
flat (Bookstein 1989). The P + 3 coefficients solve one linear system whose
matrix depends on where the pins are and not on how high they are. So f(p) is
a fixed weighted sum of the heights. The weights of many places are the rows
of one matrix, found once.

Two plates, one for x and one for y, warp an image: the height of pin i is
where control point i comes from (Jaderberg et al. 2015, section 3.2).

Convention:
    Points are rows (x, y). Points of a lattice are listed row by row, x
    fastest. All is NumPy in float64: nothing here depends on data.
"""

import numpy as np


def lattice(x, y):
    """Lists the points of a lattice.

    Args:
        x: (W,) coordinates of the columns.
        y: (H,) coordinates of the rows.

    Returns:
        (H * W, 2) array of (x, y), row by row.

    Example:
    >>> from keras_attention.ops import thin_plate_spline
    >>> thin_plate_spline.lattice([0, 1], [5, 7]).tolist()
    [[0, 5], [1, 5], [0, 7], [1, 7]]
    """
    columns, rows = np.meshgrid(x, y)
    return np.stack([columns, rows], axis=-1).reshape(-1, 2)


def control_points(num_control_points):
    """The regular control points of a spline over [-1, 1] x [-1, 1].

    Args:
        num_control_points: K, their number along each axis.

    Returns:
        (K * K, 2) array of (x, y), row by row.
    """
    axis = np.linspace(-1, 1, num_control_points)
    return lattice(axis, axis)


def spline_matrix(places, controls):
    """Weights of a thin plate spline, as a matrix M: f(places) = M heights.

    With [U(places), 1, places] = B and the system of Bookstein 1989, L =
    [[U(controls), P], [P', 0]] where P = [1, controls], M is B times the
    first P columns of the inverse of L.

    Args:
        places: (N, 2) points at which the spline is read.
        controls: (P, 2) points at which it is given, not all on one line.

    Returns:
        (N, P) array.

    Example:
    Between the corners of a square, in the middle, it is their mean:

    >>> from keras_attention.ops import thin_plate_spline
    >>> corners = thin_plate_spline.control_points(2)
    >>> thin_plate_spline.spline_matrix([[0, 0]], corners).round(3)
    array([[0.25, 0.25, 0.25, 0.25]])

    References:
        Bookstein 1989, Principal Warps: Thin-Plate Splines and the
        Decomposition of Deformations, IEEE TPAMI 11(6)
    """
    size = len(controls)
    affine = _with_one(controls)
    system = np.zeros((size + 3, size + 3))
    system[:size, :size] = _kernel(controls, controls)
    system[:size, size:] = affine
    system[size:, :size] = affine.T
    basis = np.concatenate(
        [_kernel(places, controls), _with_one(places)], axis=1
    )
    return basis @ np.linalg.inv(system)[:, :size]


def _with_one(points):
    return np.concatenate([np.ones((len(points), 1)), points], axis=1)


def _kernel(points, others):
    """U(r) = r^2 log r for all pairs, and 0 at 0: (len(points), len(others)).

    From r^2, as r^2 log(r^2) / 2.
    """
    offsets = np.asarray(points)[:, None] - np.asarray(others)[None]
    squares = np.sum(offsets**2, axis=-1)
    return squares * np.log(np.where(squares == 0, 1, squares)) / 2
