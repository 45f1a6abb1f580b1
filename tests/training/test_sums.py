import numpy as np
import pytest
import tensorflow as tf

from keras_attention.training import canvas_sets
from keras_attention.training.sums import SumCanvas
from keras_attention.training.warps import TurnedCanvas


def test_the_label_is_the_sum_of_the_digits_that_are_shown(split, make):
    # The digits as they are, so that each is found again by its pixels.
    images, sums, _ = make(SumCanvas(TurnedCanvas(16, 0.0)))
    np.testing.assert_array_equal(images[..., 0], split.images)
    number = {image.tobytes(): i for i, image in enumerate(split.images)}
    others = [number[image.tobytes()] for image in images[..., 1]]
    np.testing.assert_array_equal(sums, split.labels + split.labels[others])
    # Drawn with replacement, N of N leave out one in e.
    assert 0.55 < len(set(others)) / len(others) < 0.71


def test_digits_are_warped_by_seeds_of_their_own(make):
    canvas = TurnedCanvas(24, scales=(0.7, 1.2))
    images, _, _ = make(SumCanvas(canvas))
    alone, _, _ = make(canvas)
    np.testing.assert_array_equal(images[..., :1], alone)
    ink = images.max(axis=(1, 2)) > 0
    assert ink.all()
    rows = np.argmax(images.max(axis=2) > 0, axis=1)  # (N, 2)
    assert abs(np.corrcoef(rows.T)[0, 1]) < 0.15


def test_each_has_a_box_around_its_ink(make):
    images, _, boxes = make(SumCanvas(TurnedCanvas(24)))
    assert boxes.shape == (len(images), 2, 4)
    digits = np.moveaxis(images, -1, 1).reshape(-1, 24, 24)
    for image, box in zip(digits, boxes.reshape(-1, 4), strict=True):
        rows, columns = np.nonzero(image)
        pixels = [columns.min(), rows.min(), columns.max(), rows.max()]
        np.testing.assert_allclose(box, 2 * np.array(pixels) / 23 - 1, 1e-5)


def test_batches_and_fixed_sets_have_two_channels(split):
    canvas = SumCanvas(TurnedCanvas(20))
    fixed = canvas_sets.fixed_set(split, canvas, 0)
    assert fixed.images.shape == (400, 20, 20, 2)
    assert fixed.labels.max() <= len(canvas.class_names) - 1
    batches = canvas_sets.training_dataset(split, canvas, 6, 0)
    assert batches.element_spec["image"].shape == (6, 20, 20, 2)
    assert batches.element_spec["label"].shape == (6,)


def test_digits_that_do_not_fit_are_refused(split):
    with pytest.raises(ValueError, match="`size` of the canvas"):
        SumCanvas(TurnedCanvas(12)).check(tf.constant(split.images))
