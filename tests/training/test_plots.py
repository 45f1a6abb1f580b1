import io

import keras
import numpy as np
import pytest
from PIL import Image

from keras_attention import models
from keras_attention.training import plots


def draw(images, locations, **options):
    options = {
        "glimpse_size": 4,
        "num_scales": 2,
        "titles": ["title"] * len(images),
        **options,
    }
    return plots.glimpse_paths(images, locations, **options)


def images(num=1, channels=1):
    return np.random.default_rng(0).random((num, 20, 30, channels))


def test_a_square_is_drawn_around_the_pixels_that_were_read():
    # A 4x4 crop at the centre of 21x21 pixels, whose centre is pixel 10,
    # covers 10 +- 2.
    locations = np.zeros((1, 1, 2), "float32")
    figure = draw(np.zeros((1, 21, 21, 1)), locations)
    (square,) = figure.axes[0].patches
    assert square.get_xy() == (8, 8)
    assert (square.get_width(), square.get_height()) == (4, 4)


def test_the_path_runs_through_the_locations():
    locations = np.array([[[-1, -1], [1, 1], [0, -1]]], "float32")
    (line,) = draw(images(), locations).axes[0].lines
    np.testing.assert_allclose(line.get_xdata(), [0, 29, 14.5])
    np.testing.assert_allclose(line.get_ydata(), [0, 19, 0])


def test_what_was_seen_is_shown_for_every_step_and_scale():
    locations = np.zeros((2, 3, 2), "float32")
    figure = draw(images(2), locations)
    assert len(figure.axes) == 2 * (1 + 3 * 2)
    seen = figure.axes[1].images[0].get_array()
    # 20x30 pixels: the crop starts at rows 9.5 - 1.5 and columns 14.5 - 1.5.
    np.testing.assert_allclose(seen, images(2)[0, 8:12, 13:17, 0], rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_figure_becomes_a_png_file(channels):
    figure = draw(images(1, channels), np.zeros((1, 2, 2), "float32"))
    picture = Image.open(io.BytesIO(plots.png(figure)))
    assert picture.format == "PNG"
    assert min(picture.size) > 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": np.zeros((1, 8, 8))}, r"images.shape=\(1, 8, 8\)"),
        ({"images": np.zeros((1, 8, 8, 2))}, r"images.shape=\(1, 8, 8, 2\)"),
        ({"images": np.zeros((3, 8, 8, 1))}, "Received: 3, 1, 3"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments, message):
    locations = np.zeros((1, 2, 2), "float32")
    with pytest.raises(ValueError, match=message):
        draw(arguments["images"], locations)


def test_the_geometry_of_glimpses_is_read_off_the_model():
    model = models.ram((28, 28, 1), glimpse_size=7, num_scales=2)
    geometry = plots.glimpse_geometry(model)
    assert geometry == {"glimpse_size": 7, "num_scales": 2}


def test_a_model_without_glimpses_has_no_geometry():
    inputs = keras.Input((2,))
    with pytest.raises(ValueError, match="takes no glimpses"):
        plots.glimpse_geometry(keras.Model(inputs, inputs * 2))
