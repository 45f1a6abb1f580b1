import numpy as np
import pytest
from scipy.spatial import transform as rotations

from keras_attention.ops import regions


@pytest.mark.parametrize(
    ("align_corners", "columns", "rows"),
    [(True, (0, 4), (0, 8)), (False, (-0.5, 4.5), (-0.5, 8.5))],
)
def test_minus_one_and_one_are_the_ends(align_corners, columns, rows):
    places = np.array([[-1, -1], [0, 0], [1, 1], [0.5, -0.25]], "float32")
    found = regions.to_pixels(places, (9, 5), align_corners).numpy()  # (H, W)
    x, y = places.T
    np.testing.assert_allclose(found[:, 0], np.interp(x, [-1, 1], columns))
    np.testing.assert_allclose(found[:, 1], np.interp(y, [-1, 1], rows))


def test_every_scale_of_a_glimpse_is_twice_as_wide_around_the_same_centre():
    places = np.random.uniform(-1, 1, (2, 3, 2)).astype("float32")
    squares = regions.glimpse_squares(places, 6, 3, (30, 20), (30, 20)).numpy()
    assert squares.shape == (2, 3, 3, 4)
    sides = squares[..., 2:] - squares[..., :2]
    for scale, side in enumerate((6, 12, 24)):
        np.testing.assert_allclose(sides[..., scale, :], side, rtol=1e-5)
    middle = (squares[..., 2:] + squares[..., :2]) / 2
    pixels = (places[..., None, :] + 1) / 2 * [19, 29]
    np.testing.assert_allclose(middle, np.repeat(pixels, 3, -2), atol=1e-5)


def test_a_crop_of_a_coarser_map_covers_its_share_of_the_image():
    squares = regions.glimpse_squares([[0.0, 0.0]], 2, 1, (5, 10), (15, 40))
    left, top, right, bottom = squares.numpy()[0, 0]
    assert (right - left, bottom - top) == (2 * 4, 2 * 3)


@pytest.mark.parametrize(
    ("place", "cell"), [((-1, -1), (0, 0)), ((1, 1), (9, 4)), ((-1, 0), (0, 2))]
)
def test_a_place_of_a_coarser_map_is_the_middle_of_its_cell(place, cell):
    locations = np.array([place], "float32")
    (square,) = regions.glimpse_squares(locations, 1, 1, (5, 10), (15, 40))
    # Each cell is 4 pixels wide and 3 high, the first one from -1/2 on.
    x, y = np.array(cell) * [4, 3] - 0.5
    expected = [x, y, x + 4, y + 3]
    np.testing.assert_allclose(square[0], expected, atol=1e-5)


def test_an_outline_turns_with_its_crop():
    angle = 0.3
    turn = rotations.Rotation.from_euler("z", angle).as_matrix()[:2, :2]
    theta = np.concatenate([turn, [[0.1], [-0.2]]], axis=1)[None]
    found = regions.outlines(theta.astype("float32"), "affine").numpy()[0]
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    np.testing.assert_allclose(found, corners @ turn.T + [0.1, -0.2], atol=1e-6)


def test_the_outline_of_a_spline_passes_through_all_sides():
    sides = np.linspace(-1, 1, 4)
    points = np.stack(np.meshgrid(sides, sides), axis=-1).reshape(1, 16, 2)
    theta = np.add(points, [0.1, 0.2]).astype("float32")
    found = regions.outlines(theta, "thin_plate_spline").numpy()[0]
    along = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(found[:9, 0], along + 0.1, atol=1e-5)
    np.testing.assert_allclose(found[8:17, 1], along + 0.2, atol=1e-5)
    assert found.shape == (32, 2)
