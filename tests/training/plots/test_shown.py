import numpy as np
import pytest

from keras_attention.training.plots.shown import Shown


def image(channels, dtype="float32"):
    values = np.arange(6 * channels).reshape(2, 3, channels)
    return (values / values.max()).astype(dtype)


def test_bytes_and_floats_are_shown_alike():
    bytes_ = np.array([[[0], [51], [255]]], "uint8")
    shown = Shown(bytes_)
    np.testing.assert_allclose(shown.pixels[0, :, 0], [0, 0.2, 1], rtol=1e-6)
    np.testing.assert_array_equal(Shown(bytes_ / 255).pixels, shown.pixels)
    assert shown.note == ""


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_and_opacity_are_shown_as_they_are(channels):
    shown = Shown(image(channels))
    np.testing.assert_array_equal(shown.pixels, image(channels))
    assert shown.note == ("red, green, blue, opacity" if channels == 4 else "")


@pytest.mark.parametrize("channels", [2, 5])
def test_of_other_channels_the_mean_is_shown_and_that_is_said(channels):
    shown = Shown(image(channels))
    mean = image(channels).mean(axis=-1)
    for channel in range(3):
        np.testing.assert_allclose(shown.pixels[..., channel], mean, rtol=1e-6)
    assert shown.note == f"mean of {channels} channels"


def test_other_ranges_are_scaled_and_that_is_said():
    shown = Shown(np.array([[[-2.0], [0.0], [6.0]]]))
    np.testing.assert_allclose(shown.pixels[0, :, 0], [0, 0.25, 1])
    assert shown.note == "values -2 to 6"
    # A crop is scaled as the image is, and what lies outside is clipped.
    crop = shown.of(np.array([[[2.0], [9.0]]]))
    np.testing.assert_allclose(crop[0, :, 0], [0.5, 1])


def test_what_is_no_number_is_black():
    shown = Shown(np.array([[[np.nan], [1.0]]]))
    np.testing.assert_array_equal(shown.pixels[0, :, 0], [0, 1])
