import numpy as np
import pytest

from keras_attention import layers, ops

IMAGES = np.random.default_rng(0).random((2, 9, 8, 3), "float32")
LOCATIONS = np.array([[0.2, -0.3], [1.0, 1.0]], "float32")


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_it_is_the_op(interpolation):
    sensor = layers.GlimpseSensor(4, 2, interpolation, fill_value=0.5)
    expected = ops.glimpse(IMAGES, LOCATIONS, 4, 2, interpolation, 0.5)
    np.testing.assert_allclose(sensor(IMAGES, LOCATIONS), expected, atol=1e-6)


def test_a_pyramid_serves_several_glimpses():
    sensor = layers.GlimpseSensor(4, 3, "nearest")
    pyramid = sensor.prepare(IMAGES)
    assert len(pyramid) == 3
    for locations in (LOCATIONS, -LOCATIONS):
        np.testing.assert_array_equal(
            sensor(pyramid, locations), sensor(IMAGES, locations)
        )


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_of_large_images_no_pyramid_is_made(interpolation):
    images = np.random.default_rng(1).random((2, 200, 150, 1), "float32")
    sensor = layers.GlimpseSensor(4, 3, interpolation)
    prepared = sensor.prepare(images)
    np.testing.assert_array_equal(prepared, images)
    np.testing.assert_allclose(
        sensor(prepared, LOCATIONS),
        ops.glimpse_from_pyramid(
            ops.glimpse_pyramid(images, 3), LOCATIONS, 4, interpolation
        ),
        atol=1e-5,
    )


def test_uint8_stands_for_0_to_255():
    sensor = layers.GlimpseSensor(4, 2)
    whole = (IMAGES * 255).astype("uint8")
    np.testing.assert_allclose(
        sensor(whole, LOCATIONS),
        sensor(whole.astype("float32") / 255, LOCATIONS),
        rtol=1e-6,
    )


def test_half_precision_tells_the_pixels_of_a_large_image_apart():
    # Near 1 the steps of float16 are 2 pixels of this image, bfloat16's 16.
    image = np.zeros((1, 1, 4097, 1), "float32")
    image[..., 4090, :] = 1.0
    location = np.array([[4090 / 2048 - 1, 0.0]], "float32")
    for dtype in ("mixed_float16", "mixed_bfloat16"):
        sensor = layers.GlimpseSensor(1, dtype=dtype)
        assert sensor(image, location).numpy().item() == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"glimpse_size": 0}, "`glimpse_size`.*glimpse_size=0"),
        ({"glimpse_size": "8"}, "`glimpse_size`.*glimpse_size='8'"),
        ({"glimpse_size": 4, "num_scales": 0}, "`num_scales`.*num_scales=0"),
        (
            {"glimpse_size": 4, "interpolation": "cubic"},
            "`interpolation`.*interpolation='cubic'",
        ),
    ],
)
def test_wrong_arguments_are_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.GlimpseSensor(**arguments)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[0], r"images.shape=\(9, 8, 3\)"),
        (IMAGES.astype("int32"), "floating.*uint8.*images.dtype=int32"),
        (IMAGES[:, :, :3], r"glimpse_size=4, images.shape=\(2, 9, 3, 3\)"),
    ],
)
def test_wrong_images_are_errors(images, message):
    with pytest.raises(ValueError, match=message):
        layers.GlimpseSensor(4)(images, LOCATIONS)


def test_a_pyramid_of_other_scales_is_an_error():
    pyramid = layers.GlimpseSensor(4, 2, "nearest").prepare(IMAGES)
    with pytest.raises(ValueError, match=r"num_scales=3.*2 levels"):
        layers.GlimpseSensor(4, 3, "nearest")(pyramid, LOCATIONS)
