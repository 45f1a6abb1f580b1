import numpy as np
import pytest
import tensorflow as tf

from keras_attention.training import Canvas, canvas_sets
from keras_attention.training.rows import RowCanvas

NUMBER, SIDE, SIZE = 250, 4, 15


@pytest.fixture(scope="module")
def points():
    """Images, labels and boxes of rows of digits of one pixel each.

    It is the first of their frame, and as bright as their label, from 1 up.
    """
    images = np.zeros((NUMBER, SIDE, SIDE), np.uint8)
    images[:, 0, 0] = np.arange(NUMBER) + 1
    arrays = RowCanvas(Canvas(SIZE)).make(
        tf.constant(images),
        tf.range(NUMBER) + 1,
        tf.range(NUMBER),
        tf.constant((3, 5)),
    )
    return [array.numpy() for array in arrays]


@pytest.fixture(scope="module")
def starts(points):
    """Column and row where each frame starts, from left to right."""
    images = points[0][..., 0]
    columns = [np.argwhere(image.T) for image in images]  # sorted by column
    return np.array(columns)  # (N, 3, 2): three pixels in each


def test_labels_are_the_digits_from_left_to_right(points, starts):
    images, labels, _ = points
    for image, label, start in zip(images, labels, starts, strict=True):
        assert [image[y, x, 0] for x, y in start] == list(label)
    np.testing.assert_array_equal(labels[:, 0], np.arange(NUMBER) + 1)
    for others in labels[:, 1:].T:
        # Drawn with replacement, N of N leave out one in e.
        assert 0.53 < len(set(others)) / NUMBER < 0.73
    assert (labels[:, 1] == labels[:, 2]).mean() < 0.05


def test_they_stand_on_a_line_of_any_slope_up_to_45_degrees(starts):
    (first, second, third) = np.moveaxis(starts, 1, 0)
    np.testing.assert_array_equal(second - first, third - second)
    step, rise = (second - first).T
    assert set(step) == {4, 5}  # side by side, and the most of 15 pixels
    assert (np.abs(rise) <= step).all()
    assert set(rise[step == 5]) == set(range(-5, 6))
    assert abs(np.corrcoef(step, rise)[0, 1]) < 0.2


def test_they_lie_inside_and_anywhere(starts):
    assert starts.min(axis=(0, 1)).tolist() == [0, 0]
    assert starts.max(axis=(0, 1)).tolist() == [SIZE - SIDE, SIZE - SIDE]
    x, y = starts[:, 1].T  # of the middle one
    assert len(set(x)) >= 4
    assert len(set(y)) >= 10


def test_each_has_a_box_around_its_ink(points, starts):
    pixels = np.concatenate([starts, starts], axis=2)  # of one pixel each
    expected = 2 * pixels / (SIZE - 1) - 1
    np.testing.assert_allclose(points[2], expected, atol=1e-6)


def test_there_are_pieces_of_others_too(make):
    clear, cluttered = (
        make(RowCanvas(Canvas(60, count, 5)))[0] for count in (0, 8)
    )
    assert (cluttered > 0).mean() > 1.2 * (clear > 0).mean()


def test_sets_have_three_labels_an_image(split):
    canvas = RowCanvas(Canvas(48))
    fixed = canvas_sets.fixed_set(split, canvas, 0)
    assert fixed.images.shape == (400, 48, 48, 1)
    assert fixed.labels.shape == (400, 3)
    assert set(fixed.labels.ravel()) == set(range(len(canvas.class_names)))
    batches = canvas_sets.training_dataset(split, canvas, 6, 0)
    assert batches.element_spec["label"].shape == (6, 3)


def test_a_canvas_without_place_for_three_is_refused(split):
    with pytest.raises(ValueError, match="at least three times"):
        RowCanvas(Canvas(47)).check(tf.constant(split.images))
