import keras
import numpy as np

from keras_attention import layers
from keras_attention.training import plots
from keras_attention.training.looking import Looked, look
from keras_attention.training.plots.glimpses import glimpse_row
from keras_attention.training.plots.shown import Shown


def draw(images, locations):
    looked = Looked(
        kind="glimpses",
        layer="layer",
        image_shape=images.shape[1:3],
        scores=np.zeros((len(locations), 2)),
        attention={"location": locations},
        geometry={
            "glimpse_size": 4,
            "num_scales": 2,
            "interpolation": "bilinear",
            "fill_value": 0.0,
            "map_shape": images.shape[1:3],
        },
    )
    return plots.draw(looked, images, titles=["title"] * len(images))


def images(num=1, channels=1):
    return np.random.default_rng(0).random((num, 20, 30, channels))


def closed_line(axes, x0, y0, x1, y1):
    """Whether axes hold the outline of a rectangle."""
    corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]
    return any(
        np.array_equal(line.get_xydata(), corners) for line in axes.lines
    )


def test_squares_are_drawn_around_the_pixels_that_every_scale_read():
    # A 4x4 crop at the centre of 21x21 pixels, whose centre is pixel 10,
    # covers 10 +- 2; the next scale 10 +- 4.
    locations = np.zeros((1, 1, 2), "float32")
    axes = draw(np.zeros((1, 21, 21, 1)), locations).axes[0]
    assert closed_line(axes, 8, 8, 12, 12)
    assert closed_line(axes, 6, 6, 14, 14)


def test_the_path_runs_through_the_locations():
    locations = np.array([[[-1, -1], [1, 1], [0, -1]]], "float32")
    axes = draw(images(), locations).axes[0]
    points = [[0, 0], [29, 19], [14.5, 0]]
    paths = [line for line in axes.lines if len(line.get_xdata()) == 3]
    np.testing.assert_allclose(paths[0].get_xydata(), points)


def test_what_was_seen_is_shown_for_every_step_and_scale():
    locations = np.zeros((2, 3, 2), "float32")
    figure = draw(images(2), locations)
    assert len(figure.axes) == 2 * (1 + 3 * 2)
    seen = figure.axes[1].images[0].get_array()[..., 0]
    # 20x30 pixels: the crop starts at rows 9.5 - 1.5 and columns 14.5 - 1.5.
    np.testing.assert_allclose(seen, images(2)[0, 8:12, 13:17, 0], rtol=1e-6)


def test_a_sensor_of_a_map_is_shown_as_the_image_in_its_square():
    # A glimpse of 2x2 of a map of 5x5 places covers 8x8 pixels of 20x20.
    looked = Looked(
        kind="glimpses",
        layer="layer",
        image_shape=(20, 20),
        scores=np.zeros((1, 2)),
        attention={"location": np.zeros((1, 1, 2), "float32")},
        geometry={
            "glimpse_size": 2,
            "num_scales": 1,
            "interpolation": "bilinear",
            "fill_value": 0.0,
            "map_shape": (5, 5),
        },
    )
    image = np.random.default_rng(1).random((20, 20, 1))
    (step,) = glimpse_row(looked, 0, Shown(image)).steps
    np.testing.assert_allclose(
        step.panels[0][..., :1], image[6:14, 6:14], rtol=1e-6
    )
    np.testing.assert_array_equal(step.outlines[0][0], [5.5, 5.5])


def test_what_was_seen_is_read_as_the_sensor_reads_it():
    sensor = layers.GlimpseSensor(4, interpolation="nearest", fill_value=0.75)
    images = keras.Input((20, 20, 1))
    place = keras.layers.Dense(2, "tanh", kernel_initializer="zeros")
    look_once = layers.LocationWiseHardAttention(sensor, location_network=place)
    seen = look_once(images, keras.layers.Flatten()(images))
    model = keras.Model(images, keras.layers.Flatten()(seen))
    image = np.random.default_rng(1).random((1, 20, 20, 1)).astype("float32")
    corner = np.array([[-0.97, -0.97]], "float32")
    looked = look(model, image, forced={"location": corner})
    (step,) = glimpse_row(looked, 0, Shown(image[0])).steps
    np.testing.assert_allclose(
        step.panels[0][..., 0], looked.scores[0].reshape(4, 4), atol=1e-6
    )
    assert step.panels[0][0, 0, 0] == 0.75
