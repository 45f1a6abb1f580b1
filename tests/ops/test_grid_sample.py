import importlib.util
import itertools
import math
import pathlib

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from hypothesis import strategies as st

from keras_attention import ops

INTERPOLATIONS = ("bilinear", "nearest")
PADDINGS = ("zeros", "border", "reflection")
OPTIONS = list(itertools.product(INTERPOLATIONS, PADDINGS, (True, False)))
SHAPES = ("wide", "tall", "one_row", "one_column", "one_pixel")
VECTORS = np.load(pathlib.Path(__file__).with_name("torch_vectors.npz"))
some_options = pytest.mark.parametrize(
    ("interpolation", "padding", "align_corners"),
    [
        ("bilinear", "zeros", True),
        ("bilinear", "border", False),
        ("bilinear", "reflection", True),
        ("bilinear", "reflection", False),
        ("nearest", "zeros", False),
    ],
)
every_option = pytest.mark.parametrize(
    ("interpolation", "padding", "align_corners"), OPTIONS
)


def vectors(*path):
    prefix = "/".join(["grid_sample", *map(str, path)]) + "/"
    return {
        key.removeprefix(prefix): VECTORS[key]
        for key in VECTORS.files
        if key.startswith(prefix)
    }


def answers(images, grid, upstream, *options):
    """Values and gradients; a missing gradient is zero, as in PyTorch."""
    images, grid = tf.convert_to_tensor(images), tf.convert_to_tensor(grid)
    with tf.GradientTape() as tape:
        tape.watch([images, grid])
        values = ops.grid_sample(images, grid, *options)
    to_images, to_grid = tape.gradient(
        values, [images, grid], upstream, unconnected_gradients="zero"
    )
    return {
        "values": values,
        "images_gradient": tf.convert_to_tensor(to_images),
        "grid_gradient": to_grid,
    }


def random_case(seed=0, batch=3, size=(6, 7), output_size=(4, 5), reach=1.5):
    generator = np.random.default_rng(seed)
    images = generator.random((batch, *size, 2), "float32")
    grid = generator.uniform(-reach, reach, (batch, *output_size, 2))
    upstream = generator.random((batch, *output_size, 2), "float32")
    return images, grid.astype("float32"), upstream


def identity_grid(height, width, align_corners):
    def axis(size):
        if align_corners:
            return np.linspace(-1, 1, size) if size > 1 else np.zeros(1)
        return (np.arange(size) * 2 + 1) / size - 1

    grid = np.stack(np.meshgrid(axis(width), axis(height)), axis=-1)
    return grid[None].astype("float32")


def assert_all_close(actual, expected, atol=1e-5):
    for kind, array in expected.items():
        scale = max(1.0, np.abs(array).max())  # gradients grow with the size
        np.testing.assert_allclose(
            actual[kind], array, atol=atol * scale, err_msg=kind
        )


@every_option
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_those_pytorch_gave(
    shape, interpolation, padding, align_corners
):
    case = vectors(shape)
    inputs = [case[key] for key in ("images", "grid", "upstream")]
    options = interpolation, padding, align_corners
    expected = vectors(shape, *options)
    # One of the grids reaches far out, where float32 is less fine.
    assert_all_close(answers(*inputs, *options), expected, atol=5e-5)


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)
@every_option
@pytest.mark.parametrize("seed", [1, 2])
def test_values_and_gradients_are_those_of_the_pytorch_installed(
    seed, interpolation, padding, align_corners
):
    path = pathlib.Path(__file__).with_name("make_torch_vectors.py")
    spec = importlib.util.spec_from_file_location("make_torch_vectors", path)
    torch_side = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(torch_side)
    case = random_case(seed, size=(11, 8), output_size=(9, 9))
    expected = torch_side.grid_sample(
        *case,
        mode=interpolation,
        padding_mode=padding,
        align_corners=align_corners,
    )
    options = interpolation, padding, align_corners
    assert_all_close(answers(*case, *options), expected)


def test_four_points_by_hand():
    image = np.array([[0, 1], [2, 3]], "float32").reshape(1, 2, 2, 1)
    points = [(-1, 1), (0, 0), (0.5, -1), (2, 0)]  # the last is half outside
    sampled = ops.grid_sample(image, [[points]])
    np.testing.assert_array_equal(sampled[0, 0, :, 0], [2, 1.5, 0.75, 1.0])


@every_option
@pytest.mark.parametrize("size", [(4, 6), (5, 7), (6, 5), (1, 4), (3, 1)])
def test_the_identity_grid_changes_nothing(
    size, interpolation, padding, align_corners
):
    images, *_ = random_case(batch=1, size=size)
    grid = identity_grid(*size, align_corners)
    sampled = ops.grid_sample(
        images, grid, interpolation, padding, align_corners
    )
    np.testing.assert_allclose(sampled, images, atol=1e-6)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_outside_is_the_fill_value_as_if_the_image_were_surrounded_by_it(
    interpolation,
):
    images, grid, upstream = random_case(size=(5, 5), reach=1.9)
    surrounded = np.pad(
        images, [(0, 0), (2, 2), (2, 2), (0, 0)], constant_values=0.7
    )
    expected = answers(surrounded, grid / 2, upstream, interpolation)
    expected["images_gradient"] = expected["images_gradient"][:, 2:-2, 2:-2]
    expected["grid_gradient"] = expected["grid_gradient"] / 2
    actual = answers(images, grid, upstream, interpolation, "value", True, 0.7)
    assert_all_close(actual, expected)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("argument", ["images", "grid"])
def test_gradients_equal_finite_differences(argument, padding):
    images, grid, upstream = random_case(seed=3)
    inputs = {"images": images, "grid": grid}
    step = 1e-3 * np.random.default_rng(4).normal(size=inputs[argument].shape)
    step = step.astype("float32")
    if argument == "grid":  # not across the lines where the slope changes
        pixels = (grid + 1) / 2 * (np.array(images.shape[2:0:-1]) - 1)
        step[np.abs(pixels - pixels.round()) < 0.05] = 0

    def value(sign):
        moved = inputs | {argument: inputs[argument] + sign * step}
        sampled = ops.grid_sample(**moved, padding=padding)
        return np.sum(sampled * upstream, dtype="float64")

    gradient = answers(images, grid, upstream, "bilinear", padding)
    change = np.sum(gradient[f"{argument}_gradient"] * step, dtype="float64")
    np.testing.assert_allclose((value(1) - value(-1)) / 2, change, rtol=1e-2)


def test_the_gradient_has_a_gradient():
    images, grid, _ = map(tf.constant, random_case(reach=0.9))
    direction = 1e-3 * np.random.default_rng(5).normal(size=images.shape)
    direction = direction.astype("float32")

    def slope(images):
        with tf.GradientTape() as tape:
            tape.watch(grid)
            total = tf.reduce_sum(ops.grid_sample(images, grid) ** 2)
        return tf.reduce_sum(tape.gradient(total, grid) ** 2)

    with tf.GradientTape() as tape:
        tape.watch(images)
        total = slope(images)
    curvature = tape.gradient(total, images)
    change = (slope(images + direction) - slope(images - direction)) / 2
    np.testing.assert_allclose(change, np.sum(curvature * direction), rtol=1e-2)


def test_nearest_has_no_gradient_to_the_grid():
    images, grid, _ = map(tf.constant, random_case())
    with tf.GradientTape() as tape:
        tape.watch(grid)
        sampled = ops.grid_sample(images, grid, "nearest")
    assert tape.gradient(sampled, grid) is None


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(
    down=st.integers(-4, 4),
    right=st.integers(-8, 8),
    interpolation=st.sampled_from(INTERPOLATIONS),
)
def test_shifting_the_image_shifts_the_crop(down, right, interpolation):
    # Sides of 2**n + 1, so that a shift by whole pixels is exact.
    content = random_case(batch=1, size=(5, 9), reach=0.4)
    images = np.zeros((2, 17, 33, 2), "float32")
    images[0, 6:11, 12:21] = content[0]
    images[1, 6 + down : 11 + down, 12 + right : 21 + right] = content[0]
    # Halves would go to the even pixel, wherever that is: none is a half.
    grid = np.repeat(np.round(content[1] * 64) / 64, 2, axis=0) + 1 / 512
    grid[1] += np.array([right / 16, down / 8])
    sampled = ops.grid_sample(images, grid, interpolation)
    np.testing.assert_allclose(sampled[0], sampled[1], atol=1e-5)


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(
    points=st.lists(
        st.floats(allow_nan=True, width=32), min_size=12, max_size=12
    ),
    align_corners=st.booleans(),
    interpolation=st.sampled_from(INTERPOLATIONS),
    padding=st.sampled_from(["border", "reflection"]),
)
def test_without_an_outside_a_constant_image_stays_constant(
    points, align_corners, interpolation, padding
):
    grid = np.reshape(points, (1, 2, 3, 2))
    sampled = ops.grid_sample(
        np.full((1, 4, 3, 1), 0.7, "float32"),
        grid.astype("float32"),
        interpolation,
        padding,
        align_corners,
    )
    np.testing.assert_allclose(sampled, np.full((1, 2, 3, 1), 0.7), rtol=1e-6)


BAD = [math.nan, math.inf, -math.inf, 1e30, -1e30]
#        x of the pixel that is read, in an image of 3 columns; None: outside
READ = {
    "zeros": [None] * 5,
    "value": [None] * 5,
    "border": [0, 2, 0, 2, 0],
    "reflection": [0, 0, 0],  # for 1e30 any pixel is as good
}


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("padding", READ)
def test_a_point_that_is_no_number_reads_what_is_documented(
    padding, interpolation, jit_compile
):
    image = np.array([1, 2, 3], "float32").reshape(1, 1, 3, 1)
    fill_value = 9.0 if padding == "value" else 0.0
    grid = tf.constant([[[[x, 0.0] for x in [*BAD, 0.5]]]])
    options = interpolation, padding, True, fill_value

    look = tf.function(answers, jit_compile=True) if jit_compile else answers
    result = look(image, grid, tf.ones((1, 1, 6, 1)), *options)
    expected = [
        fill_value if x is None else image[0, 0, x, 0] for x in READ[padding]
    ]
    values = result["values"].numpy()[0, 0, :, 0]
    np.testing.assert_array_equal(values[: len(expected)], expected)
    bad_gradients = result["grid_gradient"].numpy()[0, 0, :3]
    np.testing.assert_array_equal(bad_gradients, np.zeros((3, 2)))
    good = ops.grid_sample(image, grid[:, :, -1:], *options)
    assert values[-1] == good.numpy().item()
    for kind, array in result.items():
        assert np.isfinite(array).all(), kind


@some_options
@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_graph_and_xla_give_the_same(
    jit_compile, interpolation, padding, align_corners
):
    options = interpolation, padding, align_corners
    case = *map(tf.constant, random_case(reach=2.5)), *options
    compiled = tf.function(answers, jit_compile=jit_compile)
    assert_all_close(compiled(*case), answers(*case))


@pytest.fixture(scope="module")
def dynamic_answers():
    unknown = tf.TensorSpec((None, None, None, 2))
    return tf.function(
        lambda *case: answers(*case, "bilinear", "reflection"),
        input_signature=[unknown] * 3,
    )


@pytest.mark.parametrize(
    ("batch", "size", "output_size"),
    [(1, (5, 9), (2, 2)), (4, (1, 3), (6, 1)), (0, (3, 3), (2, 2))],
)
def test_batch_height_and_width_may_be_unknown(
    dynamic_answers, batch, size, output_size
):
    case = random_case(0, batch, size, output_size)
    known = answers(*case, "bilinear", "reflection")
    for kind, array in dynamic_answers(*case).items():
        np.testing.assert_allclose(array, known[kind], atol=1e-5)


def test_a_grid_without_points_gives_an_output_without_pixels():
    grid = np.zeros((2, 0, 3, 2), "float32")
    assert ops.grid_sample(np.zeros((2, 4, 4, 5)), grid).shape == (2, 0, 3, 5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_it_keeps_the_dtype_of_images_and_gradients(dtype, interpolation):
    images, grid, upstream = random_case()
    cast = tf.cast(images, dtype), grid, tf.cast(upstream, dtype)
    half = answers(*cast, interpolation)
    assert half["values"].dtype == half["images_gradient"].dtype == dtype
    assert half["grid_gradient"].dtype == "float32"
    # Computed in float32: wrong by the rounding of inputs and output only.
    exact = answers(*(tf.cast(x, "float32") for x in cast), interpolation)
    tolerance = {"float16": 1e-3, "bfloat16": 1e-2}.get(dtype, 1e-6)
    floats = {kind: tf.cast(x, "float32") for kind, x in half.items()}
    assert_all_close(floats, exact, atol=tolerance)


@some_options
def test_it_converts_to_builtins_of_tflite(
    interpolation, padding, align_corners
):
    look = tf.function(
        lambda images, grid: ops.grid_sample(
            images, grid, interpolation, padding, align_corners
        ),
        input_signature=[
            tf.TensorSpec((None, 6, 7, 2), name="images"),
            tf.TensorSpec((None, 4, 5, 2), name="grid"),
        ],
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [look.get_concrete_function()]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(model_content=converter.convert())
    places = {i["name"]: i["index"] for i in interpreter.get_input_details()}
    images, grid, _ = random_case()
    grid[0, 0, 0] = np.nan
    for name, value in {"images": images, "grid": grid}.items():
        interpreter.resize_tensor_input(places[name], value.shape)
    interpreter.allocate_tensors()
    for name, value in {"images": images, "grid": grid}.items():
        interpreter.set_tensor(places[name], value)
    interpreter.invoke()
    output = interpreter.get_output_details()[0]["index"]
    np.testing.assert_allclose(
        interpreter.get_tensor(output), look(images, grid), atol=1e-5
    )


def test_a_saved_model_gives_the_same_and_still_has_gradients(
    tmp_path, monkeypatch
):
    case = (*map(tf.constant, random_case()),)
    module = tf.Module()
    module.look = tf.function(ops.grid_sample)
    module.look(*case[:2])
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(module, tmp_path, options=options)
    loaded = tf.saved_model.load(tmp_path)
    expected = answers(*case)
    monkeypatch.setattr(ops, "grid_sample", loaded.look)
    assert_all_close(answers(*case), expected)
