import hashlib
import os

import numpy as np
import pytest
import tensorflow as tf

from keras_attention.training import canvas_sets, digits
from keras_attention.training.canvases import Canvas

needs_mnist = pytest.mark.skipif(
    not os.environ.get("TFDS_DATA_DIR"), reason="TFDS_DATA_DIR is not set"
)


@pytest.fixture(scope="module")
def embedded():
    return digits.load_digits("digits")


@pytest.fixture(scope="module")
def mnist():
    return digits.load_digits("mnist")


def numbered(num_digits, size=4):
    """Digits whose pixels and labels are all their number, from 1 up."""
    numbers = np.arange(1, num_digits + 1)
    images = np.broadcast_to(
        numbers[:, None, None], (num_digits, size, size)
    ).astype(np.uint8)
    return digits.Digits(images, numbers.astype(np.int32))


def take(dataset, num_batches):
    return [
        (batch["image"], batch["label"])
        for batch in dataset.take(num_batches).as_numpy_iterator()
    ]


# training_dataset.


def test_a_batch_is_images_labels_and_boxes_of_static_shape():
    dataset = canvas_sets.training_dataset(numbered(3), Canvas(6), 5, seed=0)
    assert dataset.element_spec == {
        "image": tf.TensorSpec((5, 6, 6, 1), tf.uint8),
        "label": tf.TensorSpec((5,), tf.int32),
        "box": tf.TensorSpec((5, 4), tf.float32),
    }
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY


def test_every_training_canvas_carries_the_box_of_its_digit():
    ones = digits.Digits(np.ones((9, 2, 2), np.uint8), np.zeros(9, np.int32))
    dataset = canvas_sets.training_dataset(ones, Canvas(5), 9, seed=0)
    batch = next(dataset.as_numpy_iterator())
    for image, box in zip(batch["image"], batch["box"], strict=True):
        rows, columns = np.nonzero(image[..., 0])
        pixels = [columns.min(), rows.min(), columns.max(), rows.max()]
        np.testing.assert_allclose(box, np.array(pixels) / 2 - 1)


def test_every_canvas_shows_the_digit_of_its_label():
    dataset = canvas_sets.training_dataset(numbered(9), Canvas(6), 8, seed=0)
    for images, labels in take(dataset, 4):
        np.testing.assert_array_equal(images.max((1, 2, 3)), labels)


@pytest.mark.parametrize("batch_size", [1, 4, 10, 24])
def test_every_digit_comes_once_an_epoch(batch_size):
    # 4 does not divide 10, and 24 is more than two epochs.
    dataset = canvas_sets.training_dataset(
        numbered(10), Canvas(4), batch_size, seed=0
    )
    batches = take(dataset, 120 // batch_size)
    epochs = np.concatenate([labels for _, labels in batches]).reshape(12, 10)
    np.testing.assert_array_equal(np.sort(epochs), [np.arange(1, 11)] * 12)
    assert len({tuple(epoch) for epoch in epochs}) == 12


def test_orders_do_not_repeat_within_hundreds_of_epochs():
    dataset = canvas_sets.training_dataset(numbered(10), Canvas(4), 10, seed=0)
    orders = {tuple(labels.tolist()) for _, labels in take(dataset, 600)}
    assert len(orders) == 600


def test_every_digit_is_as_likely_to_come_first():
    dataset = canvas_sets.training_dataset(numbered(10), Canvas(4), 10, seed=0)
    first = [labels[0] for _, labels in take(dataset, 1000)]
    counts = np.bincount(first, minlength=11)[1:]
    # The 99.9 % point of a chi-square variable with 9 degrees of freedom.
    assert np.sum((counts - 100) ** 2 / 100) < 27.9


def test_training_canvases_are_the_same_everywhere(embedded):
    canvas = Canvas(40, 4, distractor_size=5)
    dataset = canvas_sets.training_dataset(
        embedded["train"], canvas, 64, seed=0, start_step=100
    )
    digest = hashlib.sha256()
    for images, labels in take(dataset, 3):
        digest.update(images.tobytes() + labels.astype("<i4").tobytes())
    assert digest.hexdigest() == (
        "ab9b82b7ea602dc0c047bbfe9a6a3991a613818a47f70c43d78749bbb4d21648"
    )


def test_starting_at_a_step_is_skipping_the_steps_before(embedded):
    canvas = Canvas(40, 4, distractor_size=5)
    arguments = embedded["train"], canvas, 100
    skipped = take(canvas_sets.training_dataset(*arguments, seed=7).skip(11), 3)
    resumed = take(
        canvas_sets.training_dataset(*arguments, seed=7, start_step=11), 3
    )
    for (images, labels), (images_resumed, labels_resumed) in zip(
        skipped, resumed, strict=True
    ):
        np.testing.assert_array_equal(images, images_resumed)
        np.testing.assert_array_equal(labels, labels_resumed)


def test_a_seed_repeats_and_another_differs():
    def order(seed):
        dataset = canvas_sets.training_dataset(
            numbered(50), Canvas(6), 50, seed=seed
        )
        return take(dataset, 1)[0][1].tolist()

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_canvases_of_one_digit_differ_between_epochs():
    dataset = canvas_sets.training_dataset(numbered(1), Canvas(60), 1, seed=0)
    images = {images.tobytes() for images, _ in take(dataset, 5)}
    assert len(images) == 5


# fixed_set.


def test_a_fixed_set_shows_every_digit_once_in_order():
    split = numbered(40)
    made = canvas_sets.fixed_set(split, Canvas(6), seed=0)
    np.testing.assert_array_equal(made.labels, split.labels)
    np.testing.assert_array_equal(made.images.max((1, 2, 3)), split.labels)
    assert made.images.shape == (40, 6, 6, 1)
    assert made.images.dtype == np.uint8
    assert made.boxes.shape == (40, 4)
    assert made.boxes.dtype == np.float32


def test_chunks_of_a_fixed_set_do_not_repeat_each_other(monkeypatch):
    monkeypatch.setattr(canvas_sets, "CHUNK_SIZE", 8)
    same = digits.Digits(np.ones((20, 2, 2), np.uint8), np.zeros(20, np.int32))
    made = canvas_sets.fixed_set(same, Canvas(60), seed=0)
    assert made.images.shape == (20, 60, 60, 1)
    assert len(np.unique(made.boxes, axis=0)) == 20


def test_a_fixed_set_shares_no_randomness_with_training():
    same = digits.Digits(np.ones((50, 2, 2), np.uint8), np.zeros(50, np.int32))
    made = canvas_sets.fixed_set(same, Canvas(60), seed=0)
    images, _ = take(canvas_sets.training_dataset(same, Canvas(60), 50, 0), 1)[
        0
    ]
    assert not np.array_equal(made.images, images)


def test_the_embedded_cluttered_test_set_is_the_same_everywhere(embedded):
    canvas = Canvas(40, 4, distractor_size=5)
    made = canvas_sets.fixed_set(embedded["test"], canvas, seed=0)
    assert made.sha256() == (
        "d4f661a4fcefa31e57c851542157d6a5c79f61f6ae63b366beb03e5d1e859cda"
    )


@needs_mnist
@pytest.mark.parametrize(
    ("num_distractors", "sha256"),
    [
        (0, "d17d73caec925744bcae80a77dfae6088fe332e49079baa46315359fefb63715"),
        (4, "bc0cd5f1a5b2ec9713f8ad2978524db6a339f4327793f74e4613f6a2521a6046"),
    ],
)
def test_the_mnist_test_sets_are_the_same_everywhere(
    mnist, num_distractors, sha256
):
    canvas = Canvas(60, num_distractors, distractor_size=8)
    assert canvas_sets.fixed_set(mnist["test"], canvas, 0).sha256() == sha256


def test_the_hash_sees_images_labels_and_boxes():
    made = canvas_sets.fixed_set(numbered(3), Canvas(6), seed=0)
    others = [
        canvas_sets.CanvasSet(made.images + 1, made.labels, made.boxes),
        canvas_sets.CanvasSet(made.images, made.labels + 1, made.boxes),
        canvas_sets.CanvasSet(made.images, made.labels, made.boxes + 1),
    ]
    assert len({made.sha256(), *(other.sha256() for other in others)}) == 4


# What goes wrong.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 1}, "`size` must be an integer of at least 2.*size=1"),
        ({"size": 60.0}, "`size` must be an integer.*size=60.0"),
        ({"num_distractors": -1}, "`num_distractors` .*num_distractors=-1"),
        ({"num_distractors": True}, "`num_distractors` must be an integer"),
        ({"distractor_size": 0}, "`distractor_size` .*distractor_size=0"),
    ],
)
def test_an_impossible_canvas_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Canvas(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "`batch_size` .* Received: batch_size=0"),
        ({"start_step": -1}, "`start_step` .* Received: start_step=-1"),
    ],
)
def test_an_impossible_batch_is_refused(arguments, message):
    defaults = {"batch_size": 2, "seed": 0}
    with pytest.raises(ValueError, match=message):
        canvas_sets.training_dataset(
            numbered(2), Canvas(9), **(defaults | arguments)
        )
