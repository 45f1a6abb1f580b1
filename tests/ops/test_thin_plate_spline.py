import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator

from keras_attention.ops.thin_plate_spline import (
    control_points,
    lattice,
    spline_matrix,
)

PLACES = np.random.default_rng(0).uniform(-2, 2, (40, 2))


def test_a_lattice_runs_row_by_row():
    points = lattice([0, 1, 2], [5, 7])
    expected = [[0, 5], [1, 5], [2, 5], [0, 7], [1, 7], [2, 7]]
    np.testing.assert_array_equal(points, expected)


def test_control_points_start_top_left_and_end_bottom_right():
    points = control_points(3)
    np.testing.assert_array_equal(points[[0, 1, 4, 8]], [
        [-1, -1], [0, -1], [0, 0], [1, 1],
    ])  # fmt: skip


def test_it_goes_through_the_control_points():
    controls = control_points(4)
    matrix = spline_matrix(controls, controls)
    np.testing.assert_allclose(matrix, np.eye(16), atol=1e-12)


@pytest.mark.parametrize("side", [2, 3, 4, 6])
def test_it_equals_scipy_on_regular_control_points(side):
    heights = np.random.default_rng(side).normal(size=(side**2, 2))
    oracle = RBFInterpolator(
        control_points(side), heights, kernel="thin_plate_spline", degree=1
    )
    values = spline_matrix(PLACES, control_points(side)) @ heights
    np.testing.assert_allclose(values, oracle(PLACES), atol=1e-9)


def test_it_equals_scipy_on_irregular_control_points():
    generator = np.random.default_rng(3)
    controls, heights = generator.normal(size=(2, 11, 2))
    oracle = RBFInterpolator(
        controls, heights, kernel="thin_plate_spline", degree=1
    )
    values = spline_matrix(PLACES, controls) @ heights
    np.testing.assert_allclose(values, oracle(PLACES), atol=1e-9)


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(
    side=st.integers(2, 6),
    coefficients=st.tuples(*[st.floats(-3, 3)] * 3),
)
def test_a_plane_stays_a_plane(side, coefficients):
    a0, ax, ay = coefficients

    def plane(points):
        return a0 + ax * points[:, 0] + ay * points[:, 1]

    matrix = spline_matrix(PLACES, control_points(side))
    values = matrix @ plane(control_points(side))
    np.testing.assert_allclose(values, plane(PLACES), atol=1e-8)


def test_between_two_pins_the_plate_bends_and_is_not_broken():
    # One corner of the square lifted: the middle rises by a quarter, and an
    # edge's middle by half, by symmetry and by linearity.
    corners = control_points(2)
    lifted = spline_matrix([[0, 0], [0, -1], [0, 1]], corners)[:, 0]
    np.testing.assert_allclose(lifted[0], 0.25)
    np.testing.assert_allclose(lifted[1] + lifted[2], 0.5)
