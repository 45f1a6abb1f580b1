import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from hypothesis import strategies as st

from keras_attention import ops


def random_images(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, "float32")


def affine_grid(theta, height, width):
    """Grid points theta @ (u, v, 1), corners aligned."""
    v, u = np.meshgrid(
        np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij"
    )
    points = np.stack([u, v, np.ones_like(u)], axis=-1)
    return np.einsum("bij,hwj->bhwi", theta, points).astype("float32")


def scaling(scale, batch=1):
    theta = np.zeros((batch, 2, 3))
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    return theta


def by_definition(image, stddev_x, stddev_y):
    """Filters one image (H, W, C), pixel by pixel."""
    rows = [blur(image[:, j], stddev_y) for j in range(image.shape[1])]
    image = np.stack(rows, axis=1)
    return np.stack([blur(row, stddev_x) for row in image])


def blur(line, stddev):
    if stddev == 0:
        return line
    place = np.arange(len(line))
    result = []
    for i in place:
        weights = np.exp(-0.5 * ((place - i) / stddev) ** 2)
        result.append(weights @ line / weights.sum())
    return np.stack(result)


def stddev_of_affine(theta, size, output_size):
    """(x, y): from the rows of the Jacobian of pixels in to pixels out."""
    (height, width), (out_height, out_width) = size, output_size
    jacobian = theta[:, :2] * [[(width - 1) / 2], [(height - 1) / 2]]
    jacobian = jacobian * [2 / (out_width - 1), 2 / (out_height - 1)]
    return np.maximum(0, (np.hypot(*jacobian.T) - 1) / 2)


@pytest.mark.parametrize("shape", [(17, 23, 2), (24, 9, 1)])
def test_for_an_affine_grid_it_equals_the_formula(shape):
    generator = np.random.default_rng(1)
    theta = scaling(1.0, batch=4) + generator.normal(0, 0.3, (4, 2, 3))
    images = random_images(4, *shape)
    smooth = ops.antialias(images, affine_grid(theta, 6, 7))
    for i in range(4):
        stddevs = stddev_of_affine(theta[i], shape[:2], (6, 7))
        expected = by_definition(images[i], *stddevs)
        np.testing.assert_allclose(smooth[i], expected, atol=1e-5)


def test_each_axis_has_its_own_filter():
    images = random_images(1, 16, 16, 1)
    theta = np.array([[[1.0, 0, 0], [0, 1 / 5, 0]]])  # shrinks x only
    smooth = ops.antialias(images, affine_grid(theta, 4, 4))
    expected = by_definition(images[0], stddev_x=2.0, stddev_y=0)
    np.testing.assert_allclose(smooth[0], expected, atol=1e-6)


def test_of_a_grid_that_is_no_affine_map_the_root_mean_square_counts():
    images = random_images(1, 1, 13, 1)
    x = np.array([0, 1, 12]) / 6 - 1  # steps of 1 and 11 pixels
    grid = np.stack([x, np.zeros(3)], axis=-1)[None, None]
    factor = np.sqrt((1**2 + 11**2) / 2)
    expected = by_definition(images[0], (factor - 1) / 2, 0)
    smooth = ops.antialias(images, grid.astype("float32"))
    np.testing.assert_allclose(smooth[0], expected, atol=1e-6)


CHECKERBOARD = np.indices((64, 64)).sum(axis=0) % 2
STRIPES = np.arange(64)[None] // 2 % 2 * np.ones((64, 1))


@pytest.mark.parametrize("pattern", [CHECKERBOARD, STRIPES])
def test_a_fine_pattern_shrunk_to_a_quarter_is_close_to_its_mean(pattern):
    images = pattern[None, :, :, None].astype("float32")
    grid = affine_grid(scaling(1.0), 16, 16)
    aliased = ops.grid_sample(images, grid)
    smooth = ops.grid_sample(ops.antialias(images, grid), grid)
    error = np.sqrt(np.mean((aliased - 0.5) ** 2))
    assert np.sqrt(np.mean((smooth - 0.5) ** 2)) < error / 4


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_where_nothing_shrinks_the_image_stays_exactly_as_it_is(scale, dtype):
    images = tf.cast(random_images(2, 8, 9, 3), dtype)
    grid = affine_grid(scaling(scale, 2), 16, 16)
    smooth = ops.antialias(images, grid)
    assert smooth.dtype == dtype
    np.testing.assert_array_equal(smooth, images)


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(
    scale=st.floats(0, 20), seed=st.integers(0, 9), align_corners=st.booleans()
)
def test_a_constant_image_stays_constant(scale, seed, align_corners):
    noise = np.random.default_rng(seed).normal(0, scale, (2, 3, 4, 2))
    images = np.full((2, 5, 6, 1), 0.7, "float32")
    smooth = ops.antialias(images, noise.astype("float32"), align_corners)
    np.testing.assert_allclose(smooth, images, rtol=1e-6)


def test_with_align_corners_false_the_range_spans_whole_pixels():
    images = random_images(1, 12, 12, 1)
    centres = np.array([-2 / 3, 0, 2 / 3])  # of three blocks of 4 pixels
    grid = np.stack(np.meshgrid(centres, centres), axis=-1)[None]
    smooth = ops.antialias(images, grid, align_corners=False)
    expected = by_definition(images[0], (4 - 1) / 2, (4 - 1) / 2)
    np.testing.assert_allclose(smooth[0], expected, atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_points_that_are_no_numbers_are_left_out_of_the_estimate(bad):
    images = random_images(2, 20, 20, 1)
    grid = affine_grid(scaling(1.0, 2), 5, 5)
    whole = ops.antialias(images, grid)
    grid[0, 2, 2, 0] = grid[0, 0, 4, 1] = bad
    with tf.GradientTape() as tape:
        points = tf.constant(grid)
        tape.watch(points)
        smooth = ops.antialias(images, points)
    # The steps left are the same as before: so is the mean of their squares.
    np.testing.assert_allclose(smooth, whole, atol=1e-5)
    assert np.isfinite(tape.gradient(smooth, points)).all()
    grid[:] = bad
    np.testing.assert_array_equal(ops.antialias(images, grid), images)


@pytest.mark.parametrize(
    ("scale", "size"), [(1.0, 4), (0.1, 4), (0.0, 4), (1.0, 1)]
)
def test_gradients_are_finite_also_where_there_is_no_filter(scale, size):
    images = tf.constant(random_images(1, 5, 5, 1))
    grid = tf.constant(affine_grid(scaling(scale), size, size))
    with tf.GradientTape() as tape:
        tape.watch([images, grid])
        total = tf.reduce_sum(ops.antialias(images, grid) ** 2)
    for gradient in tape.gradient(total, [images, grid]):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("argument", ["images", "grid"])
def test_gradients_equal_finite_differences(argument):
    generator = np.random.default_rng(2)
    inputs = {
        "images": random_images(2, 11, 12, 1),
        "grid": affine_grid(scaling(1.0, 2), 4, 4),
    }
    step = 2e-3 * generator.normal(size=inputs[argument].shape)
    step = step.astype("float32")
    weights = random_images(2, 11, 12, 1, seed=3)

    def total(**inputs):
        smooth = tf.cast(ops.antialias(**inputs), "float64")
        return tf.reduce_sum(smooth * weights)

    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = total(**tensors)
    gradient = tape.gradient(value, tensors[argument])
    ahead = total(**(inputs | {argument: inputs[argument] + step}))
    behind = total(**(inputs | {argument: inputs[argument] - step}))
    np.testing.assert_allclose(
        (ahead - behind) / 2, np.sum(gradient * step), rtol=2e-2
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_graph_and_xla_give_the_same(jit_compile):
    images, grid = random_images(3, 9, 8, 2), affine_grid(scaling(1, 3), 3, 2)
    compiled = tf.function(ops.antialias, jit_compile=jit_compile)
    np.testing.assert_allclose(
        compiled(images, grid), ops.antialias(images, grid), atol=1e-6
    )


def test_it_converts_to_builtins_of_tflite_with_unknown_batch():
    look = tf.function(
        lambda images, grid: ops.grid_sample(ops.antialias(images, grid), grid),
        input_signature=[
            tf.TensorSpec((None, 9, 8, 3), name="images"),
            tf.TensorSpec((None, 4, 2, 2), name="grid"),
        ],
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [look.get_concrete_function()]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(model_content=converter.convert())
    places = {i["name"]: i["index"] for i in interpreter.get_input_details()}
    inputs = {
        "images": random_images(3, 9, 8, 3),
        "grid": affine_grid(scaling(1.0, 3), 4, 2),
    }
    for name, value in inputs.items():
        interpreter.resize_tensor_input(places[name], value.shape)
    interpreter.allocate_tensors()
    for name, value in inputs.items():
        interpreter.set_tensor(places[name], value)
    interpreter.invoke()
    output = interpreter.get_output_details()[0]["index"]
    np.testing.assert_allclose(
        interpreter.get_tensor(output), look(**inputs), atol=1e-5
    )


def test_batch_height_and_width_may_be_unknown():
    signature = [
        tf.TensorSpec((None, None, None, 2)),
        tf.TensorSpec((None, None, None, 2)),
    ]
    look = tf.function(ops.antialias, input_signature=signature)
    for batch, height in ((1, 4), (3, 9), (0, 4)):
        images = random_images(batch, height, 6, 2)
        grid = affine_grid(scaling(1.0, batch), 2, 3)
        np.testing.assert_allclose(
            look(images, grid), ops.antialias(images, grid), atol=1e-6
        )


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match=r"images.shape=\(4, 4, 1\)"):
        ops.antialias(np.zeros((4, 4, 1)), np.zeros((1, 2, 2, 2)))
    with pytest.raises(ValueError, match=r"grid.shape=\(1, 2, 2\)"):
        ops.antialias(np.zeros((1, 4, 4, 1)), np.zeros((1, 2, 2)))
