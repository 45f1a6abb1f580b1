import numpy as np
import pytest

from keras_attention.training.coverage import (
    Objects,
    overlap,
    polygon_areas,
)
from keras_attention.training.examples import Examples

HEIGHT, WIDTH = 9, 13
LABELS = np.zeros(1, int)
IMAGE = np.zeros((1, HEIGHT, WIDTH, 1), "float32")


def objects(boxes=None, masks=None):
    count = len(boxes if masks is None else masks)
    images, labels = np.repeat(IMAGE, count, 0), np.repeat(LABELS, count)
    (found,) = Objects.of(Examples(images, labels, boxes, masks))
    return found


def box_of_pixels(x_min, y_min, x_max, y_max):
    """The box of these columns and rows, as a data set gives it."""
    last = np.array([WIDTH - 1, HEIGHT - 1] * 2)
    return 2 * np.array([[x_min, y_min, x_max, y_max]]) / last - 1


def mask_of_pixels(x_min, y_min, x_max, y_max):
    mask = np.zeros((1, HEIGHT, WIDTH), "float32")
    mask[:, y_min : y_max + 1, x_min : x_max + 1] = 0.5
    return mask


# The same object, as a box and as a mask.
BOTH = [
    objects(box_of_pixels(2, 3, 5, 4)),
    objects(masks=mask_of_pixels(2, 3, 5, 4)),
]


@pytest.mark.parametrize("one", BOTH)
def test_a_box_and_a_mask_of_the_same_pixels_are_the_same(one):
    np.testing.assert_allclose(one.boxes, [[1.5, 2.5, 5.5, 4.5]])
    np.testing.assert_allclose(one.areas, [8])
    np.testing.assert_allclose(one.normalised, box_of_pixels(2, 3, 5, 4))
    np.testing.assert_allclose(one.centres, [[3.5 / 6 - 1, 3.5 / 4 - 1]])
    rectangles = np.array([[[1.5, 2.5, 3.5, 9], [2.25, -5, 99, 3.25]]])
    np.testing.assert_allclose(one.in_rectangles(rectangles), [[4, 2.4375]])
    np.testing.assert_allclose(one.best_share(2, 10), [0.5])
    np.testing.assert_allclose(one.best_share(10, 10), [1])


@pytest.mark.parametrize("one", BOTH)
def test_cells_are_covered_as_far_as_the_object_goes(one):
    cells = one.on_cells(3, 13)  # cells of 3 rows and 1 column
    expected = np.zeros((1, 3, 13))
    expected[0, 1, 2:6] = 2 / 3
    np.testing.assert_allclose(cells, expected, atol=1e-6)
    total = one.on_cells(4, 5).sum() * (HEIGHT / 4) * (WIDTH / 5)
    np.testing.assert_allclose(total, 8, rtol=1e-5)


@pytest.mark.parametrize("one", BOTH)
def test_a_turned_crop_is_measured_by_points(one):
    """A diamond around the object, and the left half as a rectangle."""
    half = np.array([[1.5, 0], [3.5, 0], [3.5, 9], [1.5, 9]])
    centre = np.array([3.5, 3.5])
    diamond = centre + 10 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    beside = diamond + np.array([30, 0])
    areas = one.in_polygons(np.stack([half, diamond, beside])[None])
    np.testing.assert_allclose(areas, [[4, 8, 0]], rtol=1e-6)


def test_a_triangle_covers_half_of_a_box_to_the_precision_of_the_points():
    one = objects(box_of_pixels(0, 0, 7, 7))
    triangle = np.array([[[[-0.5, -0.5], [7.5, -0.5], [-0.5, 7.5]]]])
    share = one.in_polygons(triangle)[0, 0] / one.areas[0]
    assert share == pytest.approx(0.5, abs=0.04)


def test_a_box_that_sticks_out_counts_as_far_as_it_is_in_the_image():
    one = objects(np.array([[-2.0, -2.0, -0.5, 0.0]]))
    np.testing.assert_allclose(one.boxes, [[-0.5, -0.5, 3.5, 4.5]])
    assert (np.abs(one.centres) <= 1).all()


def test_areas_and_overlaps():
    square = np.array([[0, 0], [2, 0], [2, 2], [0, 2]])
    np.testing.assert_allclose(
        polygon_areas(np.stack([square, square[::-1]])), [4, 4]
    )
    np.testing.assert_allclose(
        overlap(np.array([2.0, 0.0]), np.array([4.0, 0]), np.array([4.0, 0])),
        [1 / 3, 0],
    )


def test_shares_agree_with_counting_subpixels():
    """Random rectangles, counted on a lattice 20 times as fine."""
    generator = np.random.default_rng(0)
    one = BOTH[0]
    fine = (np.arange(20 * 13) + 0.5) / 20 - 0.5
    x, y = np.meshgrid(fine, fine)
    x_min, y_min, x_max, y_max = one.boxes[0]
    inside = (x > x_min) & (x < x_max) & (y > y_min) & (y < y_max)
    for _ in range(10):
        corners = np.sort(generator.uniform(-1, 8, (2, 2)), axis=0)
        (left, top), (right, bottom) = corners
        seen = inside & (x > left) & (x < right) & (y > top) & (y < bottom)
        np.testing.assert_allclose(
            one.in_rectangles(corners.reshape(1, 4)), seen.sum() / 400, atol=0.4
        )
