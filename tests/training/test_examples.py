from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from keras_attention.training.canvas_sets import CanvasSet
from keras_attention.training.examples import Examples, read_examples

IMAGES = np.zeros((3, 4, 6, 1), "float32")
LABELS = np.array([0, 1, 0])
BOXES = np.array([[-1, -1, 0, 0]] * 3, "float32")
MASKS = np.ones((3, 4, 6), bool)


class Set(NamedTuple):
    images: np.ndarray
    labels: np.ndarray
    masks: np.ndarray


def dataset(batched):
    parts = {"image": IMAGES, "label": LABELS[:, None], "box": BOXES}
    whole = tf.data.Dataset.from_tensor_slices(parts)
    return whole.batch(2) if batched else whole


@pytest.mark.parametrize(
    "given",
    [
        CanvasSet(IMAGES, LABELS, BOXES),
        {"images": IMAGES, "labels": LABELS, "boxes": BOXES},
        {"image": IMAGES, "label": LABELS, "box": BOXES, "name": "any"},
        (IMAGES, LABELS, BOXES),
        dataset(batched=True),
        dataset(batched=False),
        Examples(IMAGES, LABELS, BOXES),
    ],
)
def test_every_form_of_a_data_set_says_the_same(given):
    examples = read_examples(given)
    np.testing.assert_array_equal(examples.images, IMAGES)
    np.testing.assert_array_equal(examples.labels, LABELS)
    np.testing.assert_array_equal(examples.boxes, BOXES)
    assert examples.masks is None
    assert examples.has_objects


def test_masks_may_have_a_channel():
    for masks in (MASKS, MASKS[..., None]):
        examples = read_examples(Set(IMAGES, LABELS, masks))
        assert examples.masks.shape == (3, 4, 6)


def test_without_boxes_there_are_no_objects():
    batches = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(3)
    assert not read_examples(batches).has_objects
    assert not read_examples((IMAGES, LABELS)).has_objects


def test_there_may_be_several_objects_in_an_image():
    several = np.stack([BOXES, BOXES + 0.5], axis=1)
    for given in (
        (IMAGES, LABELS, several),
        tf.data.Dataset.from_tensor_slices((IMAGES, LABELS, several)).batch(2),
    ):
        np.testing.assert_array_equal(read_examples(given).boxes, several)


def box(*values):
    """The last box is this one; or the last two, where there are two each."""
    before = np.broadcast_to(BOXES[:2, None], (2, *np.atleast_2d(values).shape))
    boxes = [*before.reshape(2, *np.shape(values)), values]
    return {"images": IMAGES, "labels": LABELS, "boxes": boxes}


def mask(value):
    masks = np.ones((3, 4, 6))
    masks[1] = value
    return Set(IMAGES, LABELS, masks)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (box(np.nan, 0, 1, 1), r"boxes\[2\]=.*, which holds no number"),
        (box(0, 0, 20, 20), "which seems to be in pixels"),
        (box(0.5, 0, 0.2, 1), "which ends before it starts"),
        (box(1.2, 0, 1.6, 1), "which lies outside the image"),
        ((IMAGES, LABELS, BOXES[:, :2]), r"\(3, 4\), or .*shape=\(3, 2\)"),
        ((IMAGES, LABELS, BOXES[:, None, None]), r"shape=\(3, 1, 1, 4\)"),
        ((IMAGES, LABELS, np.zeros((3, 0, 4))), r"shape=\(3, 0, 4\)"),
        (box((0, 0, 1, 1), (2, 0, 3, 1)), r"boxes\[2, 1\]=.* lies outside"),
        (mask(0), r"masks\[1\] is 0"),
        (mask(-1), "must not be negative"),
        (mask(np.nan), "must be finite"),
        (Set(IMAGES, LABELS, MASKS[:, :2]), r"shape \(3, 4, 6\) of the"),
        ((IMAGES[:0], LABELS[:0]), "is empty"),
        (dataset(True).take(0), "is empty"),
        (dataset(True).repeat(), "is endless"),
        ((IMAGES[0], LABELS), r"\(N, H, W, C\). Received: .*\(4, 6, 1\)"),
        ((IMAGES, LABELS[:2]), r"3 images. Received: labels.shape=\(2,\)"),
        ((IMAGES, LABELS + 0.5), "labels.dtype=float64"),
        ({"images": IMAGES}, r"Missing: labels. Received: \['images'\]"),
        (IMAGES, "Missing: images, labels"),
    ],
)
def test_what_is_wrong_is_said(given, said):
    with pytest.raises(ValueError, match=said):
        read_examples(given)


def test_boxes_and_masks_at_once_are_refused():
    with pytest.raises(ValueError, match="Received: both"):
        Examples(IMAGES, LABELS, BOXES, MASKS)
