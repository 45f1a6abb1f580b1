import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention.layers.spatial_transformer import SpatialTransformer
from keras_attention.ops.antialias import antialias
from keras_attention.ops.grid_sample import PADDINGS, grid_sample

THETA_SHAPES = {
    "translation": (2, 3),
    "attention": (2, 3),
    "rotation": (2, 3),
    "similarity": (2, 3),
    "affine": (2, 3),
    "projective": (3, 3),
    "thin_plate_spline": (9, 2),
}
IMAGES = np.random.default_rng(0).random((3, 8, 9, 2), "float32")
QUERY = np.random.default_rng(1).normal(size=(3, 5)).astype("float32")
every_transform = pytest.mark.parametrize("transform", THETA_SHAPES)


@keras.saving.register_keras_serializable("tests")
class ImageAndQuery(keras.layers.Layer):
    """A localization network of both, with no more than a `call`."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, images, query):
        self.seen = images.dtype, query.dtype
        mean = keras.ops.mean(images, axis=(1, 2))
        return keras.ops.concatenate([mean, query], axis=-1)


def transformer(transform="affine", output_shape=(4, 5), **arguments):
    localization = keras.Sequential(
        [keras.layers.Flatten(), keras.layers.Dense(4, "tanh")]
    )
    return SpatialTransformer(
        arguments.pop("localization", localization),
        output_shape,
        transform,
        num_control_points=3,
        **arguments,
    )


def trained(layer, inputs=IMAGES, spread=0.1):
    """The layer, with a regression that depends on what it reads."""
    layer(inputs)
    generator = np.random.default_rng(2)
    for weight in (layer.regression.kernel, layer.regression.bias):
        weight.assign_add(generator.normal(0, spread, weight.shape))
    return layer


def looking(image, parameters, transform, shape, **arguments):
    """The crop of one image (H, W), where the parameters are set."""
    layer = transformer(transform, shape, **arguments)
    images = np.asarray(image, "float32")[None, :, :, None]
    layer(images)
    layer.regression.bias.assign(np.ravel(parameters))
    return layer(images)[0, ..., 0].numpy()


@every_transform
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("align_corners", [True, False])
def test_a_fresh_layer_is_the_identity(transform, padding, align_corners):
    for shape in [(8, 9), (7, 6), (1, 5)]:
        images = IMAGES[:, : shape[0], : shape[1]]
        layer = transformer(
            transform,
            shape,
            localization=keras.layers.GlobalAveragePooling2D(),
            padding=padding,
            align_corners=align_corners,
        )
        np.testing.assert_allclose(layer(images), images, atol=1e-6)


def test_bounds_below_the_whole_image_start_at_its_middle():
    layer = transformer("affine", (3, 5), bounds=(0.1, 0.5))
    images = np.random.default_rng(0).random((3, 5, 9, 1), "float32")
    middle = images[:, 1:4, 2:7]
    np.testing.assert_allclose(layer(images), middle, atol=1e-6)


PICTURE = np.arange(25.0).reshape(5, 5)
PIXEL = 2 / 4  # of the picture


def test_a_translation_by_a_pixel_shifts_by_one():
    right = looking(PICTURE, [PIXEL, 0], "translation", (5, 5))
    np.testing.assert_allclose(right[:, :4], PICTURE[:, 1:], atol=1e-5)
    np.testing.assert_allclose(right[:, 4], 0)
    down = looking(PICTURE, [0, PIXEL], "translation", (5, 5))
    np.testing.assert_allclose(down[:4], PICTURE[1:], atol=1e-5)


def test_half_the_scale_is_the_middle():
    middle = looking(PICTURE, [0.5, 0, 0], "attention", (3, 3))
    np.testing.assert_allclose(middle, PICTURE[1:4, 1:4], atol=1e-5)


def test_a_quarter_turn_is_numpys():
    turned = looking(PICTURE, [np.pi / 2], "rotation", (5, 5))
    np.testing.assert_allclose(turned, np.rot90(PICTURE), atol=1e-4)
    turned = looking(PICTURE, [-np.pi / 2], "rotation", (5, 5))
    np.testing.assert_allclose(turned, np.rot90(PICTURE, -1), atol=1e-4)


def test_a_similarity_turns_the_crop_around_its_own_centre():
    place = [0.5, np.pi / 2, PIXEL, -PIXEL]
    crop = looking(PICTURE, place, "similarity", (3, 3))
    np.testing.assert_allclose(crop, np.rot90(PICTURE[:3, 2:]), atol=1e-4)


def test_a_matrix_of_axes_exchanged_is_the_transposed_image():
    crop = looking(PICTURE, [0, 1, 0, 1, 0, 0], "affine", (5, 5))
    np.testing.assert_allclose(crop, PICTURE.T, atol=1e-5)


def test_a_perspective_is_wide_on_one_side():
    # Columns alone: x / (1 + x / 3) is -1.5 at -1, and 0.75 at 1.
    crop = looking(
        PICTURE, [1, 0, 0, 0, 1, 0, 1 / 3, 0], "projective", (5, 3),
        padding="border",
    )  # fmt: skip
    np.testing.assert_allclose(crop[2], [10, 12, 13.5], atol=1e-4)


def test_a_spline_may_be_any_smooth_warp():
    controls = np.array([(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1)])
    mirrored = looking(PICTURE, controls * [-1, 1], "thin_plate_spline", (5, 5))
    np.testing.assert_allclose(mirrored, PICTURE[:, ::-1], atol=1e-4)
    bent = controls + 0.0
    bent[4, 0] = PIXEL
    crop = looking(PICTURE, bent, "thin_plate_spline", (5, 5))
    np.testing.assert_allclose(crop[2, 2], PICTURE[2, 3], atol=1e-4)
    np.testing.assert_allclose(crop[0, 0], PICTURE[0, 0], atol=1e-4)


@pytest.mark.parametrize("transform", ["attention", "affine", "projective"])
def test_four_crops_start_as_the_quarters(transform):
    layer = transformer(
        transform, (4, 4), num_transforms=4, align_corners=False
    )
    image = IMAGES[:, :, :8]
    halves = slice(0, 4), slice(4, 8)
    quarters = [image[:, i, j] for i in halves for j in halves]
    np.testing.assert_allclose(layer(image), np.stack(quarters, 1), atol=1e-6)


def test_two_crops_start_as_halves_that_share_their_border():
    layer = transformer("thin_plate_spline", (8, 5), num_transforms=2)
    halves = [IMAGES[:, :, :5], IMAGES[:, :, 4:]]
    np.testing.assert_allclose(layer(IMAGES), np.stack(halves, 1), atol=1e-5)


def test_crops_start_where_the_bias_says():
    layer = transformer("translation", (5, 5), num_transforms=2)
    image = PICTURE.reshape(1, 5, 5, 1)
    layer.build(image.shape)
    layer.regression.bias.assign([PIXEL, 0, 0, -PIXEL])
    crops = layer(image)[0, :, ..., 0]
    right = np.pad(PICTURE[:, 1:], [(0, 0), (0, 1)])
    up = np.pad(PICTURE[:-1], [(1, 0), (0, 0)])
    np.testing.assert_allclose(crops, [right, up], atol=1e-5)


@every_transform
@pytest.mark.parametrize("num_transforms", [1, 3])
def test_it_tells_what_it_looked_at(transform, num_transforms):
    layer = trained(transformer(transform, num_transforms=num_transforms))
    crops, attention = layer(IMAGES, return_attention=True)
    several = () if num_transforms == 1 else (num_transforms,)
    assert crops.shape == (3, *several, 4, 5, 2)
    assert {name: value.shape for name, value in attention.items()} == {
        "theta": (3, *several, *THETA_SHAPES[transform]),
        "grid": (3, *several, 4, 5, 2),
        "location": (3, *several, 2),
    }
    grids = tf.reshape(attention["grid"], (3, -1, 4, 5, 2))
    for i, crop in enumerate(
        tf.unstack(tf.reshape(crops, (3, -1, 4, 5, 2)), axis=1)
    ):
        np.testing.assert_array_equal(crop, grid_sample(IMAGES, grids[:, i]))


def test_the_location_is_the_middle_of_the_crop():
    for transform in THETA_SHAPES:
        layer = trained(transformer(transform, (5, 5)))
        _, attention = layer(IMAGES, return_attention=True)
        np.testing.assert_allclose(
            attention["location"], attention["grid"][:, 2, 2], atol=1e-6
        )


def test_localize_from_says_what_the_network_reads():
    dense = keras.layers.Dense(4)
    layer = transformer(localization=dense, localize_from="query")
    layer(IMAGES, QUERY)
    assert dense.kernel.shape == (5, 4)
    both = ImageAndQuery()
    layer = transformer(
        localization=both, localize_from="both", dtype="mixed_float16"
    )
    layer(IMAGES, QUERY.astype("float64"))
    assert both.seen == ("float16", "float16")
    assert layer.regression.kernel.shape == (7, 6)
    # A query is offered to every mechanism in a loop.
    assert transformer()(IMAGES, QUERY).shape == (3, 4, 5, 2)


def test_antialias_blurs_what_a_crop_would_skip():
    layer = transformer(output_shape=(2, 2), num_transforms=2, antialias=True)
    trained(layer, spread=0.02)
    crops, attention = layer(IMAGES, return_attention=True)
    for i in range(2):
        grid = attention["grid"][:, i]
        expected = grid_sample(antialias(IMAGES, grid, True), grid)
        np.testing.assert_allclose(crops[:, i], expected, atol=1e-6)
        assert np.abs(crops[:, i] - grid_sample(IMAGES, grid)).max() > 0.1


def test_options_reach_the_sampler():
    options = {"padding": "value", "fill_value": 0.5, "align_corners": False}
    layer = transformer(interpolation="nearest", **options)
    layer(IMAGES)
    layer.regression.bias.assign([1.5, 0, 0.2, 0, 1.5, 0.1])
    crops, attention = layer(IMAGES, return_attention=True)
    expected = grid_sample(IMAGES, attention["grid"], "nearest", **options)
    np.testing.assert_array_equal(crops, expected)
    assert (crops.numpy() == 0.5).any()


def test_uint8_stands_for_0_to_255():
    whole = (IMAGES * 255).astype("uint8")
    layer = trained(transformer())
    np.testing.assert_allclose(layer(whole), layer(whole / 255), rtol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_theta_and_grid_stay_float32_under_mixed_precision(policy):
    full = trained(transformer())
    keras.config.set_dtype_policy(policy)
    mixed = transformer()
    mixed(IMAGES)
    mixed.set_weights(full.get_weights())
    crops, attention = mixed(IMAGES, return_attention=True)
    assert crops.dtype == mixed.compute_dtype
    assert {value.dtype for value in attention.values()} == {tf.float32}
    crops = tf.cast(crops, "float32")
    np.testing.assert_allclose(crops, full(IMAGES), atol=0.02)


def test_shapes_are_known_without_running():
    one, two = transformer(), transformer(num_transforms=2)
    assert one.compute_output_shape((None, None, 9, 2)) == (None, 4, 5, 2)
    assert two.compute_output_shape((3, 8, 9, 2)) == (3, 2, 4, 5, 2)
    pool = keras.layers.GlobalAveragePooling2D()
    layer = transformer(localization=pool)
    assert layer(keras.Input((None, None, 2))).shape == (None, 4, 5, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"localization": "dense"}, "Keras layer.*localization='dense'"),
        ({"output_shape": (4, 0)}, r"`output_shape`.*output_shape=\(4, 0\)"),
        ({"transform": "shear"}, "`transform`.*transform='shear'"),
        ({"localize_from": "mask"}, "'inputs', 'query', 'both'.*'mask'"),
        ({"num_transforms": 0}, "`num_transforms`.*num_transforms=0"),
        ({"num_control_points": 1}, "at least 2.*num_control_points=1"),
        ({"num_control_points": 0}, "whole number.*num_control_points=0"),
        ({"interpolation": "cubic"}, "interpolation='cubic'"),
        ({"padding": "wrap"}, "`padding`.*border.*padding='wrap'"),
        ({"bounds": (0.9, 0.5)}, r"`bounds`.*bounds=\(0.9, 0.5\)"),
        ({"localization_gradient": -1}, "number of at least 0.*=-1"),
        ({"localization_gradient": None}, "number of at least 0.*=None"),
    ],
)
def test_wrong_arguments_are_errors(arguments, message):
    given = {"localization": keras.layers.Flatten(), "output_shape": (4, 5)}
    with pytest.raises(ValueError, match=message):
        SpatialTransformer(**{**given, **arguments})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"inputs": IMAGES[0]}, r"`inputs`.*inputs.shape=\(8, 9, 2\)"),
        ({"inputs": IMAGES[:, :0]}, r"pixels.*shape=\(3, 0, 9, 2\)"),
        ({"inputs": IMAGES.astype("int32")}, "uint8.*images.dtype=int32"),
        ({"query": QUERY[0]}, r"`query`.*query.shape=\(5,\)"),
        ({"query": QUERY[:2]}, r"batch of `inputs`.*query.shape=\(2, 5\)"),
        ({"mask": np.ones((3, 8, 9), "bool")}, r"no mask.*\(3, 8, 9\)"),
    ],
)
def test_wrong_inputs_are_errors_at_every_call(call, message):
    layer = transformer()
    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            layer(**{"inputs": IMAGES, **call})
        layer(IMAGES)


@pytest.mark.parametrize("localize_from", ["query", "both"])
def test_a_missing_query_is_an_error(localize_from):
    layer = transformer(localize_from=localize_from)
    with pytest.raises(ValueError, match=f"'{localize_from}'.*query=None"):
        layer(IMAGES)


def test_features_of_an_unknown_size_are_an_error():
    layer = transformer(localization=keras.layers.Flatten())
    with pytest.raises(ValueError, match="known size.*None"):
        layer(keras.Input((None, None, 2)))


def test_a_query_that_is_no_number_leaves_the_crop_where_it_starts():
    images = np.random.default_rng(0).random((2, 6, 6, 1), "float32")
    crop = SpatialTransformer(
        keras.layers.Dense(3), (6, 6), localize_from="query"
    )
    query = np.array([[np.nan, 1.0], [0.5, 1.0]], "float32")
    crop(images, query)
    crop.regression.kernel.assign(np.full((3, 6), 0.3, "float32"))
    with tf.GradientTape() as tape:
        crops, attention = crop(images, query, return_attention=True)
        loss = tf.reduce_sum(crops[1]) + tf.reduce_sum(attention["theta"][0])
    np.testing.assert_allclose(crops[0], images[0], atol=1e-6)
    np.testing.assert_array_equal(attention["theta"][0], np.eye(2, 3))
    assert np.any(attention["theta"][1] != np.eye(2, 3))
    assert np.all(np.isfinite(tape.gradient(loss, crop.regression.bias.value)))


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("transform", ["affine", "projective"])
@pytest.mark.parametrize("size", [28, 60])
def test_the_identity_of_larger_images_is_as_exact_as_float32(
    size, transform, align_corners
):
    # A coordinate near 1 is known to 6e-8, which is size / 2 times as many
    # pixels; noise has slopes of up to 1 a pixel, along both axes.
    images = np.random.default_rng(0).random((1, size, size, 1), "float32")
    crop = SpatialTransformer(
        keras.layers.Flatten(),
        (size, size),
        transform=transform,
        padding="border",
        align_corners=align_corners,
    )
    np.testing.assert_allclose(crop(images), images, atol=1.5e-7 * size)
