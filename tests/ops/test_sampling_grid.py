import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator

from keras_attention.ops.sampling_grid import (
    THETA_SHAPES,
    affine_matrix,
    sampling_grid,
)

TILTED = [[1.0, 0.1, 0.2], [-0.1, 0.9, 0.1], [0.2, -0.3, 1.0]]
TURN = 0.3
CONTROLS = [[x, y] for y in (-1, 0, 1) for x in (-1, 0, 1)]
BENT = (CONTROLS + np.random.default_rng(0).normal(0, 0.2, (9, 2))).tolist()

# What differs from the identity, and the identity, in each transform.
THETAS = {
    "translation": ([0.3, -0.4], [0.0, 0.0]),
    "attention": ([0.5, 0.3, -0.4], [1.0, 0.0, 0.0]),
    "rotation": ([TURN], [0.0]),
    "similarity": ([0.5, TURN, 0.3, -0.4], [1.0, 0.0, 0.0, 0.0]),
    "affine": ([[0.5, 0.1, 0.3], [-0.2, 0.7, -0.4]], np.eye(3)[:2].tolist()),
    "projective": (TILTED, np.eye(3).tolist()),
    "thin_plate_spline": (BENT, CONTROLS),
}
every_transform = pytest.mark.parametrize("transform", THETAS)
both_corners = pytest.mark.parametrize("align_corners", [True, False])
every_shape = pytest.mark.parametrize("shape", [(1, 1), (4, 1), (3, 4), (5, 2)])


def centre(index, size, align_corners):
    if align_corners:
        return -1 + 2 * index / (size - 1) if size > 1 else 0.0
    return -1 + (2 * index + 1) / size


def by_the_paper(theta, x, y, transform):
    """(x_s, y_s) of one point of the output."""
    if transform == "translation":
        return x + theta[0], y + theta[1]
    if transform == "attention":
        return theta[0] * x + theta[1], theta[0] * y + theta[2]
    if transform == "rotation":
        cos, sin = np.cos(theta[0]), np.sin(theta[0])
        return cos * x - sin * y, sin * x + cos * y
    if transform == "similarity":
        turned = by_the_paper([theta[1]], x, y, "rotation")
        return theta[0] * turned[0] + theta[2], theta[0] * turned[1] + theta[3]
    if transform == "thin_plate_spline":
        spline = RBFInterpolator(
            CONTROLS, theta, kernel="thin_plate_spline", degree=1
        )
        return tuple(spline([[x, y]])[0])
    product = np.array(theta) @ [x, y, 1]
    if transform == "projective":
        return product[0] / product[2], product[1] / product[2]
    return tuple(product)


def grid_by_the_paper(theta, shape, transform, align_corners):
    grid = np.empty((*shape, 2))
    for i, j in np.ndindex(*shape):
        x = centre(j, shape[1], align_corners)
        y = centre(i, shape[0], align_corners)
        grid[i, j] = by_the_paper(theta, x, y, transform)
    return grid


@every_transform
@every_shape
@both_corners
def test_it_is_the_formula_of_the_paper(transform, shape, align_corners):
    thetas = THETAS[transform]
    grids = sampling_grid(thetas, shape, transform, align_corners)
    assert grids.dtype == "float32"
    expected = [
        grid_by_the_paper(theta, shape, transform, align_corners)
        for theta in thetas
    ]
    np.testing.assert_allclose(grids, expected, atol=1e-6)


@every_transform
@both_corners
def test_the_identity_is_each_pixel_itself(transform, align_corners):
    identity = [THETAS[transform][1]]
    grid = sampling_grid(identity, (4, 7), transform, align_corners)
    expected = [
        [[centre(j, 7, align_corners), centre(i, 4, align_corners)]
         for j in range(7)] for i in range(4)
    ]  # fmt: skip
    np.testing.assert_allclose(grid[0], expected, atol=3e-7)


@every_shape
@both_corners
@pytest.mark.filterwarnings("ignore:.*affine_grid")
def test_affine_equals_torch(shape, align_corners):
    torch = pytest.importorskip("torch")
    theta = np.random.default_rng(1).normal(size=(3, 2, 3)).astype("float32")
    expected = torch.nn.functional.affine_grid(
        torch.tensor(theta), (3, 1, *shape), align_corners=align_corners
    )
    grid = sampling_grid(theta, shape, "affine", align_corners)
    np.testing.assert_allclose(grid, expected, atol=1e-6)


@pytest.mark.parametrize(
    "transform", ["translation", "attention", "rotation", "similarity"]
)
def test_the_affine_family_is_affine(transform):
    thetas = THETAS[transform]
    matrix = affine_matrix(thetas, transform)
    assert matrix.shape == (2, 2, 3)
    np.testing.assert_array_equal(
        sampling_grid(matrix, (3, 4)), sampling_grid(thetas, (3, 4), transform)
    )


def test_a_positive_angle_turns_the_grid_from_x_towards_y():
    quarter = sampling_grid([[np.pi / 2]], (3, 3), "rotation")[0]
    # The output's middle right shows the input's middle bottom.
    np.testing.assert_allclose(quarter[1, 2], [0, 1], atol=1e-6)


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(
    matrices=st.lists(
        st.lists(st.floats(-2, 2, width=16), min_size=6, max_size=6),
        min_size=2,
        max_size=2,
    )
)
def test_matrices_compose_as_the_transforms_do(matrices):
    first, second = np.reshape(matrices, (2, 2, 3))
    square = np.concatenate([second, [[0, 0, 1]]])
    grid = sampling_grid([second], (3, 4))[0].numpy()
    expected = grid @ first[:, :2].T + first[:, 2]
    composed = sampling_grid([first @ square], (3, 4))[0]
    np.testing.assert_allclose(composed, expected, atol=1e-4)


@pytest.mark.parametrize(
    "theta",
    [
        np.zeros((3, 3)),
        np.ones((3, 3)),
        [[1, 0, 0], [0, 1, 0], [0, 0, 1e-9]],
        [[1, 0, 0], [0, 1, 0], [1, 0, 0]],  # zero along the middle column
    ],
)
def test_a_singular_projective_matrix_gives_a_finite_grid(theta):
    theta = tf.constant([theta], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(theta)
        grid = sampling_grid(theta, (5, 5), "projective")
    assert np.isfinite(grid).all()
    assert np.isfinite(tape.gradient(grid, theta)).all()


def test_a_denominator_near_zero_is_a_millionth_of_its_sign():
    # Of the 1-pixel output only h13, h23 and h33 are seen.
    thetas = np.zeros((3, 3, 3))
    thetas[:, 0, 2] = 1
    thetas[:, 2, 2] = [0, 1e-9, -1e-9]
    grid = sampling_grid(thetas, (1, 1), "projective")
    np.testing.assert_allclose(grid[:, 0, 0, 0], [1e6, 1e6, -1e6])


@every_transform
def test_gradients_equal_finite_differences(transform):
    theta = tf.constant([THETAS[transform][0]], tf.float32)
    weights = np.random.default_rng(2).normal(size=(1, 3, 4, 2))

    def value(theta):
        grid = sampling_grid(theta, (3, 4), transform)
        return np.sum(grid.numpy().astype("float64") * weights)

    with tf.GradientTape() as tape:
        tape.watch(theta)
        grid = sampling_grid(theta, (3, 4), transform)
    gradient = tape.gradient(grid, theta, tf.constant(weights, tf.float32))
    for index in np.ndindex(*theta.shape):
        step = np.zeros(theta.shape, "float32")
        step[index] = 1e-2
        change = (value(theta + step) - value(theta - step)) / 2e-2
        np.testing.assert_allclose(gradient[index], change, atol=2e-3)


@every_transform
def test_xla_and_an_unknown_batch_give_the_same(transform):
    thetas = tf.constant(THETAS[transform], tf.float32)
    expected = sampling_grid(thetas, (3, 4), transform)
    signature = [tf.TensorSpec((None, *thetas.shape[1:]))]
    for jit_compile in (False, True):
        look = tf.function(
            lambda theta: sampling_grid(theta, (3, 4), transform),
            input_signature=signature,
            jit_compile=jit_compile,
        )
        np.testing.assert_allclose(look(thetas), expected, atol=1e-6)
        assert look(thetas[:0]).shape == (0, 3, 4, 2)


@every_transform
def test_theta_of_a_wrong_shape_is_an_error(transform):
    form = ", ".join(str(size) for size in THETA_SHAPES[transform])
    for shape in [(2,), (2, 5), (2, 5, 2), (2, 3, 4), (2, 1, 2)]:
        with pytest.raises(
            ValueError, match=rf"{transform}.*\(batch, [^)]*\).*Received"
        ) as error:
            sampling_grid(np.zeros(shape), (3, 3), transform)
        assert f"(batch, {form})" in str(error.value)
        assert f"theta.shape={shape}" in str(error.value)


@pytest.mark.parametrize("shape", [3, (3,), (3, 0), (3, -1), (3, 2.0), "33"])
def test_an_output_shape_is_two_positive_whole_numbers(shape):
    with pytest.raises(
        ValueError, match="two positive whole numbers.*Received"
    ):
        sampling_grid(np.zeros((2, 2, 3)), shape)


def test_an_unknown_transform_is_an_error():
    with pytest.raises(ValueError, match="`transform`.*'affine'.*'shear'"):
        sampling_grid(np.zeros((2, 2, 3)), (3, 3), "shear")
    with pytest.raises(ValueError, match="affine matrix.*'projective'"):
        affine_matrix(np.zeros((2, 3, 3)), "projective")
