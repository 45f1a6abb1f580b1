import numpy as np
import pytest
import tensorflow as tf

from keras_attention.training import Canvas, canvas_sets
from keras_attention.training.pairs import PairCanvas


def ink(image):
    """The part of an image that holds ink, and its box in pixels."""
    rows, columns = np.nonzero(image)
    box = columns.min(), rows.min(), columns.max(), rows.max()
    part = image[box[1] : box[3] + 1, box[0] : box[2] + 1]
    return (part.shape, part.tobytes()), box


@pytest.fixture(scope="module")
def parts(make):
    """First digits, second digits alone, labels, boxes."""
    canvas = Canvas(64)
    images, labels, boxes = make(PairCanvas(canvas))
    first, _, _ = make(canvas)
    assert (images >= first).all()
    return first[..., 0], (images - first)[..., 0], labels, boxes


def test_the_label_says_which_two_are_shown(split, parts):
    first, second, labels, _ = parts
    number = {ink(image)[0]: i for i, image in enumerate(split.images)}
    names = PairCanvas.class_names
    assert len(set(names)) == len(names) == 55
    others = []
    for i, (image, label) in enumerate(zip(second, labels, strict=True)):
        assert ink(first[i])[0] == ink(split.images[i])[0]
        others.append(number[ink(image)[0]])
        low, high = sorted((split.labels[i], split.labels[others[-1]]))
        assert names[label] == f"{low} and {high}"
        assert label == high * (high + 1) // 2 + low
    # Drawn with replacement, N of N leave out one in e.
    assert 0.55 < len(set(others)) / len(others) < 0.71


def test_digits_lie_apart_anywhere(parts):
    first, second, _, _ = parts
    assert not ((first > 0) & (second > 0)).any()
    centres = [np.argwhere(image).mean(axis=0) for image in second]
    assert np.ptp(centres, axis=0).min() > 40


def test_each_has_a_box_around_its_ink(parts):
    *digits, _, boxes = parts
    for images, of_digit in zip(digits, np.moveaxis(boxes, 1, 0), strict=True):
        for image, box in zip(images, of_digit, strict=True):
            pixels = np.array(ink(image)[1])
            np.testing.assert_allclose(box, 2 * pixels / 63 - 1, 1e-5, 1e-6)


def test_there_are_pieces_of_others_too(make):
    clear, cluttered = (
        make(PairCanvas(Canvas(64, count, 5)))[0] for count in (0, 6)
    )
    assert (cluttered > 0).mean() > 1.2 * (clear > 0).mean()


def test_sets_are_made_of_pairs(split):
    canvas = PairCanvas(Canvas(64))
    fixed = canvas_sets.fixed_set(split, canvas, 0)
    assert fixed.images.shape == (400, 64, 64, 1)
    assert len(set(fixed.labels)) > 45
    assert fixed.labels.max() < len(canvas.class_names)
    batches = canvas_sets.training_dataset(split, canvas, 6, 0)
    assert batches.element_spec["image"].shape == (6, 64, 64, 1)


def test_a_canvas_without_place_for_two_is_refused(split):
    with pytest.raises(ValueError, match="at least three times"):
        PairCanvas(Canvas(47)).check(tf.constant(split.images))
