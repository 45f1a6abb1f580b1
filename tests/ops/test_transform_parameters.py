import numpy as np
import pytest
import tensorflow as tf

from keras_attention.ops.sampling_grid import sampling_grid
from keras_attention.ops.transform_parameters import (
    bound_parameters,
    check_bounds,
    theta_of,
    tiled_starts,
)

SIZES = {
    "translation": 2,
    "attention": 3,
    "rotation": 1,
    "similarity": 4,
    "affine": 6,
    "projective": 8,
    "thin_plate_spline": 18,
}
GENERAL = ("projective", "thin_plate_spline")
every_transform = pytest.mark.parametrize("transform", SIZES)


def grid_of(parameters, transform, shape=(5, 5)):
    theta = theta_of(tf.constant(parameters, "float32"), transform)
    return sampling_grid(
        theta, shape, transform if transform in GENERAL else "affine"
    )


@every_transform
def test_one_transform_starts_as_the_identity(transform):
    start = tiled_starts(transform, 1, num_control_points=3)
    assert start.shape == (1, SIZES[transform])
    identity = sampling_grid(np.eye(3)[None, :2], (5, 5))
    np.testing.assert_allclose(grid_of(start, transform), identity, atol=1e-6)


@pytest.mark.parametrize("transform", ["affine", *GENERAL])
def test_four_tiles_are_the_quarters_row_by_row(transform):
    corners = grid_of(tiled_starts(transform, 4, 3), transform, (2, 2))
    np.testing.assert_allclose(corners[:, 0, 0], [
        [-1, -1], [0, -1], [-1, 0], [0, 0],
    ], atol=1e-6)  # fmt: skip
    np.testing.assert_allclose(corners[:, 1, 1], [
        [0, 0], [1, 0], [0, 1], [1, 1],
    ], atol=1e-6)  # fmt: skip


@pytest.mark.parametrize(
    ("num_transforms", "centres"),
    [
        (2, [(-1 / 2, 0), (1 / 2, 0)]),
        (3, [(-1 / 2, -1 / 2), (1 / 2, -1 / 2), (-1 / 2, 1 / 2)]),
        (5, [(-2 / 3, -1 / 2), (0, -1 / 2), (2 / 3, -1 / 2),
             (-2 / 3, 1 / 2), (0, 1 / 2)]),
    ],
)  # fmt: skip
def test_tiles_are_the_smallest_arrangement(num_transforms, centres):
    starts = tiled_starts("translation", num_transforms)
    np.testing.assert_allclose(starts, centres, atol=1e-6)


def test_what_has_one_scale_covers_its_tile():
    # Of five tiles in 3 columns and 2 rows, each is 1/3 wide and 1/2 high.
    np.testing.assert_allclose(tiled_starts("attention", 5)[:, 0], 1 / 2)
    np.testing.assert_allclose(tiled_starts("similarity", 5)[:, 0], 1 / 2)
    np.testing.assert_allclose(tiled_starts("similarity", 5)[:, 1], 0)
    np.testing.assert_array_equal(tiled_starts("rotation", 5), np.zeros((5, 1)))


@every_transform
@pytest.mark.parametrize("num_transforms", [1, 2, 5])
def test_starts_are_inside_the_bounds(transform, num_transforms):
    starts = tf.constant(tiled_starts(transform, num_transforms, 3))
    inside = bound_parameters(starts, transform, (0.3, 1.0))
    np.testing.assert_allclose(inside, starts, atol=1e-7)


# The scale of an affine tile is that of its Frobenius norm, see the module.
TILE = np.sqrt((0.5**2 + 1) / 2)


@pytest.mark.parametrize(
    ("transform", "num_transforms", "start"),
    [
        ("translation", 1, [0, 0]),
        ("attention", 1, [0.4, 0, 0]),
        ("attention", 2, [0.4, -0.5, 0]),
        ("rotation", 1, [0]),
        ("similarity", 1, [0.4, 0, 0, 0]),
        ("affine", 1, [0.4, 0, 0, 0, 0.4, 0]),
        ("affine", 2, [0.2 / TILE, 0, -0.5, 0, 0.4 / TILE, 0]),
        ("projective", 1, [0.4, 0, 0, 0, 0.4, 0, 0, 0]),
    ],
)
def test_starts_that_are_too_large_shrink_around_their_centres(
    transform, num_transforms, start
):
    starts = tiled_starts(transform, num_transforms, bounds=(0.1, 0.4))
    np.testing.assert_allclose(starts[0], start, atol=1e-6)


def test_the_control_points_of_a_spline_can_not_start_further_in():
    check_bounds((0.1, 1.0), "thin_plate_spline")
    with pytest.raises(ValueError, match=r"max_scale >= 1.*\(0.1, 0.9\)"):
        check_bounds((0.1, 0.9), "thin_plate_spline")


@every_transform
def test_whatever_the_parameters_are_the_bounds_hold(transform):
    generator = np.random.default_rng(0)
    wild = generator.normal(0, 5, (500, SIZES[transform])).astype("float32")
    bounds = (0.25, 1.5)
    inside = bound_parameters(tf.constant(wild), transform, bounds)
    theta = theta_of(inside, transform).numpy()
    if transform == "thin_plate_spline":
        assert np.abs(theta).max() <= 1.5
        return
    assert np.abs(theta[:, :2, 2]).max() <= 1
    scales = np.linalg.norm(theta[:, :2, :2], axis=(1, 2)) / np.sqrt(2)
    assert scales.min() > 0.25 - 1e-6
    assert scales.max() < 1.5 + 1e-6
    if transform == "projective":
        assert np.abs(theta[:, 2, :2]).sum(axis=1).max() <= 0.9
        # The denominator is smallest at a corner.
        corners = np.array([(-1, -1, 1), (1, -1, 1), (-1, 1, 1), (1, 1, 1)])
        assert (theta[:, 2] @ corners.T).min() > 0.09


def test_a_spline_far_away_is_moved_back_as_a_whole():
    points = tf.constant(tiled_starts("thin_plate_spline", 1, 3) / 4 + 7)
    inside = bound_parameters(points, "thin_plate_spline", (0.5, 1.5))
    np.testing.assert_allclose(inside, points - 6, atol=1e-6)


def test_a_bounded_matrix_keeps_its_shape():
    matrix = tf.constant([[3.0, 1.0, 0.2, -2.0, 4.0, -0.3]])
    inside = bound_parameters(matrix, "affine", (0.5, 1.5)).numpy()[0]
    ratio = inside[[0, 1, 3, 4]] / [3, 1, -2, 4]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    np.testing.assert_allclose(inside[[2, 5]], [0.2, -0.3])


def test_a_matrix_of_zeros_has_a_finite_gradient():
    parameters = tf.zeros((1, 6))
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        inside = bound_parameters(parameters, "affine", (0.5, 1.5))
    assert np.isfinite(inside).all()
    assert np.isfinite(tape.gradient(inside, parameters)).all()


@pytest.mark.parametrize("transform", ["attention", "similarity", "affine"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_scale_beyond_its_bound_only_comes_back(transform, sign):
    parameters = 3 * tiled_starts(transform)  # a scale of 3
    bounds = (0.5, 2.0)

    def change(parameters):
        scale = tf.norm(theta_of(parameters, transform)[:, :, :2])
        return sign * scale

    parameters = tf.constant(parameters)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        loss = change(bound_parameters(parameters, transform, bounds))
    gradient = tape.gradient(loss, parameters).numpy()
    if sign < 0:  # descent would enlarge it
        np.testing.assert_allclose(gradient, 0, atol=1e-6)
    else:
        assert gradient[0, 0] > 0.5


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (0.5, "`bounds`.*None or.*bounds=0.5"),
        ((1, 1, 1), r"`bounds`.*None or.*bounds=\(1, 1, 1\)"),
        ((0, 1), r"0 < min_scale.*bounds=\(0, 1\)"),
        ((1.1, 2), r"the scale 0.500.*bounds=\(1.1, 2\)"),
        ((0.5, 0.4), r"min_scale <= max_scale.*bounds=\(0.5, 0.4\)"),
        ((0.1, float("inf")), "max_scale.*inf"),
        ((0.6, 2.0), r"the scale 0.500.*bounds=\(0.6, 2.0\)"),
    ],
)
def test_bounds_must_let_the_start_in(bounds, message):
    with pytest.raises(ValueError, match=message):
        check_bounds(bounds, "attention", num_transforms=4)


def test_bounds_of_tiles_that_are_not_square_are_of_their_norm():
    # Two tiles, A = diag(1/2, 1): |A| / sqrt(2) is 0.79.
    check_bounds((0.79, 1), "affine", num_transforms=2)
    check_bounds((1, 1), "translation", num_transforms=2)
    with pytest.raises(ValueError, match=r"the scale 0.791"):
        check_bounds((0.8, 1), "projective", num_transforms=2)
