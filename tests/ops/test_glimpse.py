import itertools

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from hypothesis import strategies as st

from keras_attention import ops

CORNERS_AND_BEYOND = [
    (-1.0, -1.0),
    (1.0, 1.0),
    (-1.0, 1.0),
    (1.3, -0.2),
    (0.1, -4.0),
    (50.0, 50.0),
]


def by_definition(
    images, locations, size, num_scales, interpolation, fill_value=0.0
):
    """Samples every pixel of each window, then averages blocks."""
    examples = []
    for image, location in zip(images, locations, strict=True):
        crops = [
            one_crop(image, location, size, 2**k, interpolation, fill_value)
            for k in range(num_scales)
        ]
        examples.append(np.concatenate(crops, axis=-1))
    return np.stack(examples)


def one_crop(image, location, size, block, interpolation, fill_value):
    height, width, channels = image.shape
    side = size * block
    top = (location[1] + 1) / 2 * (height - 1) - (side - 1) / 2
    left = (location[0] + 1) / 2 * (width - 1) - (side - 1) / 2
    if interpolation == "nearest":
        top, left = np.floor(top + 0.5), np.floor(left + 0.5)
    window = np.empty((side, side, channels))
    for i, j in itertools.product(range(side), repeat=2):
        window[i, j] = sample(image, top + i, left + j, fill_value)
    blocks = window.reshape(size, block, size, block, channels)
    return blocks.mean(axis=(1, 3))


def sample(image, y, x, fill_value):
    y0, x0 = int(np.floor(y)), int(np.floor(x))
    dy, dx = y - y0, x - x0
    return (
        (1 - dy) * (1 - dx) * pixel(image, y0, x0, fill_value)
        + (1 - dy) * dx * pixel(image, y0, x0 + 1, fill_value)
        + dy * (1 - dx) * pixel(image, y0 + 1, x0, fill_value)
        + dy * dx * pixel(image, y0 + 1, x0 + 1, fill_value)
    )


def pixel(image, i, j, fill_value):
    inside = 0 <= i < image.shape[0] and 0 <= j < image.shape[1]
    return image[i, j] if inside else np.full(image.shape[2], fill_value)


def random_images(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, "float32")


def random_locations(batch, seed=1):
    generator = np.random.default_rng(seed)
    return generator.uniform(-1, 1, (batch, 2)).astype("float32")


def test_a_crop_at_the_centre_by_hand():
    image = np.arange(25, dtype="float32").reshape(1, 5, 5, 1)
    crop = ops.glimpse(image, [[0.0, 0.0]], 3)
    expected = [[6, 7, 8], [11, 12, 13], [16, 17, 18]]
    np.testing.assert_array_equal(crop[0, :, :, 0], expected)


def test_x_runs_along_the_width_and_y_along_the_height():
    image = np.zeros((1, 5, 9, 1), "float32")
    image[0, 1, 7] = 1.0  # y = -0.5, x = 0.75
    crop = ops.glimpse(image, [[0.75, -0.5]], 1)
    assert crop.numpy().item() == 1.0


def test_an_even_crop_has_its_inner_corner_on_the_location():
    image = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    crop = ops.glimpse(image, [[0.0, 0.0]], 2)
    np.testing.assert_array_equal(crop[0, :, :, 0], [[5, 6], [9, 10]])


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("size", [1, 3, 4])
@pytest.mark.parametrize("num_scales", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(6, 9, 1), (7, 5, 3)])
def test_it_equals_the_definition(shape, num_scales, size, interpolation):
    inside = random_locations(4)
    locations = np.concatenate([inside, CORNERS_AND_BEYOND]).astype("float32")
    images = random_images(len(locations), *shape)
    crops = ops.glimpse(images, locations, size, num_scales, interpolation)
    expected = by_definition(images, locations, size, num_scales, interpolation)
    np.testing.assert_allclose(crops, expected, atol=1e-5)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("size", [1, 3, 4])
@pytest.mark.parametrize("shape", [(6, 150, 1), (131, 5, 2)])
def test_of_a_large_image_it_equals_the_definition(shape, size, interpolation):
    test_it_equals_the_definition(shape, 3, size, interpolation)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_of_a_large_image_it_reads_only_what_is_around_the_location(
    interpolation,
):
    images = np.full((1, 200, 200, 1), np.nan, "float32")
    images[0, 90:110, 90:110] = 0.5
    crop = ops.glimpse(images, [[0.0, 0.0]], 4, 3, interpolation)
    np.testing.assert_allclose(crop, np.full((1, 4, 4, 3), 0.5), atol=1e-6)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_outside_the_image_is_the_fill_value(interpolation):
    images = random_images(6, 5, 8, 2)
    crops = ops.glimpse(
        images, CORNERS_AND_BEYOND, 4, 3, interpolation, fill_value=0.75
    )
    expected = by_definition(
        images, CORNERS_AND_BEYOND, 4, 3, interpolation, fill_value=0.75
    )
    np.testing.assert_allclose(crops, expected, atol=1e-5)
    np.testing.assert_array_equal(crops[-1], np.full((4, 4, 6), 0.75))


def test_nearest_halves_go_up():
    image = np.arange(25, dtype="float32").reshape(1, 5, 5, 1)
    between_1_and_2 = [[-0.25, -0.25]]  # in both axes
    crop = ops.glimpse(image, between_1_and_2, 1, interpolation="nearest")
    assert crop.numpy().item() == image[0, 2, 2, 0]


def test_scales_grow_by_powers_of_two():
    width_of_square = {}
    for width in (2, 4, 8, 16):
        image = np.zeros((1, 32, 32, 1), "float32")
        middle = slice(16 - width // 2, 16 + width // 2)
        image[0, middle, middle] = 1.0
        crops = ops.glimpse(image, [[0.0, 0.0]], 2, num_scales=4)[0].numpy()
        full = [k for k in range(4) if crops[..., k].min() == 1.0]
        width_of_square[width] = max(full)
    assert width_of_square == {2: 0, 4: 1, 8: 2, 16: 3}


def test_pyramid_levels_are_means_of_blocks():
    images = random_images(2, 5, 7, 2)
    for k, level in enumerate(ops.glimpse_pyramid(images, 4, fill_value=0.5)):
        f = 2**k
        padded = np.pad(
            images, [(0, 0), (f, f), (f, f), (0, 0)], constant_values=0.5
        )
        expected = np.empty((2, 5 + f + 1, 7 + f + 1, 2))
        for i, j in np.ndindex(5 + f + 1, 7 + f + 1):
            block = padded[:, i : i + f, j : j + f]
            expected[:, i, j] = block.mean(axis=(1, 2))
        np.testing.assert_allclose(level, expected, rtol=1e-5)


def test_from_a_pyramid_it_is_the_same_glimpse():
    images, locations = random_images(2, 9, 9, 1), random_locations(2)
    pyramid = ops.glimpse_pyramid(images, 3)
    for name in ("bilinear", "nearest"):
        np.testing.assert_allclose(
            ops.glimpse_from_pyramid(pyramid, locations, 4, name),
            ops.glimpse(images, locations, 4, 3, name),
            atol=1e-6,
        )


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(
    rows=st.integers(0, 8),
    columns=st.integers(0, 16),
    y=st.floats(-4, 12, width=16),
    x=st.floats(-4, 20, width=16),
    interpolation=st.sampled_from(["bilinear", "nearest"]),
)
def test_shifting_image_and_location_together_changes_nothing(
    rows, columns, y, x, interpolation
):
    # Sides of 2**n + 1, so that whole pixels are exact locations.
    content = random_images(6, 10, 2)
    images = np.zeros((2, 17, 33, 2), "float32")
    images[0, :6, :10] = content
    images[1, rows : rows + 6, columns : columns + 10] = content
    pixels = np.array([(x, y), (x + columns, y + rows)])
    locations = (pixels / (16, 8) - 1).astype("float32")
    crops = ops.glimpse(images, locations, 3, 2, interpolation)
    np.testing.assert_allclose(crops[0], crops[1], atol=1e-4)


def test_gradient_to_locations_equals_finite_differences():
    images = tf.constant(random_images(2, 9, 13, 2))
    pixels = np.array([(6.25, 4.2), (0.3, 7.8)])  # away from kinks
    locations = tf.constant(pixels / (6, 4) - 1, tf.float32)
    weights = random_images(2, 4, 4, 6, seed=5)

    def value(locations):
        crops = ops.glimpse(images, locations, 4, 3)
        return tf.reduce_sum(crops * weights, axis=(1, 2, 3))

    with tf.GradientTape() as tape:
        tape.watch(locations)
        total = value(locations)
    gradient = tape.gradient(total, locations).numpy()
    for axis in (0, 1):
        step = np.zeros(2, "float32")
        step[axis] = 0.01
        change = (value(locations + step) - value(locations - step)) / 0.02
        np.testing.assert_allclose(gradient[:, axis], change, rtol=1e-2)


def test_nearest_has_no_gradient_to_locations():
    images, locations = random_images(1, 5, 5, 1), tf.zeros((1, 2))
    with tf.GradientTape() as tape:
        tape.watch(locations)
        crops = ops.glimpse(images, locations, 3, interpolation="nearest")
    assert tape.gradient(crops, locations) is None


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_gradient_to_images_is_the_adjoint(interpolation):
    images = tf.constant(random_images(6, 7, 9, 2))
    direction = random_images(6, 7, 9, 2, seed=3)
    weights = random_images(6, 3, 3, 6, seed=4)

    def look(images):
        return ops.glimpse(images, CORNERS_AND_BEYOND, 3, 3, interpolation)

    with tf.GradientTape() as tape:
        tape.watch(images)
        crops = look(images)
    gradient = tape.gradient(crops, images, output_gradients=weights)
    # Without fill a glimpse is linear in the image: <J d, w> = <d, J' w>.
    np.testing.assert_allclose(
        np.sum(look(direction) * weights),
        np.sum(direction * gradient),
        rtol=1e-5,
    )


@pytest.fixture(scope="module")
def dynamic_glimpse():
    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, None, 1)),
            tf.TensorSpec((None, 2)),
        ]
    )
    def look(images, locations):
        return ops.glimpse(images, locations, 3, 2)

    return look


@pytest.mark.parametrize("shape", [(1, 5, 9, 1), (4, 8, 3, 1)])
def test_batch_height_and_width_may_be_unknown(dynamic_glimpse, shape):
    images, locations = random_images(*shape), random_locations(shape[0])
    np.testing.assert_allclose(
        dynamic_glimpse(images, locations),
        by_definition(images, locations, 3, 2, "bilinear"),
        atol=1e-5,
    )


def test_a_batch_without_images_gives_one_without_glimpses(dynamic_glimpse):
    images, locations = np.zeros((0, 8, 8, 1), "float32"), np.zeros((0, 2))
    assert ops.glimpse(images, locations, 3, 2).shape == (0, 3, 3, 2)
    assert dynamic_glimpse(images, locations).shape == (0, 3, 3, 2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_it_keeps_the_dtype_of_the_images(dtype, interpolation):
    images, locations = random_images(2, 9, 9, 1), random_locations(2)
    crops = ops.glimpse(tf.cast(images, dtype), locations, 3, 3, interpolation)
    assert crops.dtype == dtype
    exact = by_definition(images, locations, 3, 3, interpolation)
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2}.get(dtype, 1e-5)
    np.testing.assert_allclose(tf.cast(crops, "float32"), exact, atol=tolerance)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_xla_gives_the_same(interpolation):
    images, locations = random_images(6, 9, 8, 3), CORNERS_AND_BEYOND
    locations = tf.constant(locations) * 0.9

    def look(images, locations):
        return ops.glimpse(images, locations, 4, 3, interpolation)

    compiled = tf.function(look, jit_compile=True)(images, locations)
    np.testing.assert_allclose(compiled, look(images, locations), atol=1e-6)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_it_converts_to_builtins_of_tflite(interpolation):
    signature = [tf.TensorSpec((None, 9, 8, 3)), tf.TensorSpec((None, 2))]
    look = tf.function(
        lambda images, locations: ops.glimpse(
            images, locations, 4, 3, interpolation
        ),
        input_signature=signature,
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [look.get_concrete_function()]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(model_content=converter.convert())
    images = random_images(6, 9, 8, 3)
    locations = np.array(CORNERS_AND_BEYOND, "float32") * 0.9
    inputs = interpreter.get_input_details()
    for detail in inputs:
        value = images if len(detail["shape"]) == 4 else locations
        interpreter.resize_tensor_input(detail["index"], value.shape)
    interpreter.allocate_tensors()
    for detail in inputs:
        value = images if len(detail["shape"]) == 4 else locations
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    output = interpreter.get_output_details()[0]["index"]
    np.testing.assert_allclose(
        interpreter.get_tensor(output), look(images, locations), atol=1e-6
    )


def test_a_location_that_is_no_number_lies_outside_the_image():
    images = random_images(3, 6, 6, 1)
    locations = [[np.nan, 0.0], [0.0, 0.0], [np.inf, 0.0]]
    pyramid = ops.glimpse_pyramid(images, 2)
    for name in ("bilinear", "nearest"):
        for glimpse in (
            ops.glimpse(images, locations, 3, 2, name).numpy(),
            ops.glimpse_from_pyramid(pyramid, locations, 3, name).numpy(),
        ):
            alone = ops.glimpse(images[1:2], locations[1:2], 3, 2, name)
            np.testing.assert_allclose(glimpse[1], alone[0], atol=1e-6)
            np.testing.assert_array_equal(glimpse[0::2], 0 * glimpse[0::2])


def number_of_operations(batch):
    look = tf.function(lambda x, at: ops.glimpse(x, at, 4, 3))
    graph = look.get_concrete_function(
        tf.TensorSpec((batch, 9, 9, 1)), tf.TensorSpec((batch, 2))
    ).graph
    return len(graph.get_operations())


def test_no_loop_over_the_batch():
    assert number_of_operations(2) == number_of_operations(64)


IMAGES, LOCATIONS = np.zeros((2, 8, 8, 1), "float32"), np.zeros((2, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((IMAGES[0], LOCATIONS, 3), r"images.shape=\(8, 8, 1\)"),
        ((IMAGES.astype("uint8"), LOCATIONS, 3), "floating.*dtype=uint8"),
        ((IMAGES[:, :0], LOCATIONS, 3), r"row.*images.shape=\(2, 0, 8, 1\)"),
        ((IMAGES, LOCATIONS[0], 3), r"`locations`.*locations.shape=\(2,\)"),
        ((IMAGES, np.zeros((2, 3)), 3), r"locations.shape=\(2, 3\)"),
        (
            (IMAGES, np.zeros((3, 2)), 3),
            r"one location for each image.*2 images.*3 locations",
        ),
        ((IMAGES[:1], LOCATIONS, 3), "1 images.*2 locations"),
        ((IMAGES, LOCATIONS, 0), "`glimpse_size`.*glimpse_size=0"),
        ((IMAGES, LOCATIONS, 2.5), "`glimpse_size`.*glimpse_size=2.5"),
        ((IMAGES, LOCATIONS, 3, 0), "`num_scales`.*num_scales=0"),
        ((IMAGES, LOCATIONS, 3, True), "`num_scales`.*num_scales=True"),
        ((IMAGES, LOCATIONS, 3, 1, "cubic"), "interpolation='cubic'"),
    ],
)
def test_what_is_wrong_is_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        ops.glimpse(*arguments)


def test_a_pyramid_without_levels_is_an_error():
    with pytest.raises(ValueError, match="`num_scales`.*num_scales=0"):
        ops.glimpse_pyramid(IMAGES, 0)
