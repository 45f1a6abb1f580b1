import numpy as np
import pytest

from keras_attention.policies import item_reading

ITEMS = np.arange(12, dtype="float32").reshape(1, 3, 4)
EVERY = np.ones((1, 3), bool)
every_output = pytest.mark.parametrize("output", ["gather", "zero"])


def test_the_chosen_items_in_their_order_or_in_their_places():
    items = ITEMS.copy()
    items[0, 1] = np.nan  # not chosen, so not read
    indices = np.array([[2, -1, 0]], "int32")
    gathered = item_reading.chosen(items, indices, "gather")
    np.testing.assert_array_equal(
        gathered, [[items[0, 2], np.zeros(4), items[0, 0]]]
    )
    kept = item_reading.chosen(items, indices, "zero")
    np.testing.assert_array_equal(
        kept, [[items[0, 0], np.zeros(4), items[0, 2]]]
    )


@every_output
def test_with_one_hot_weights_mixed_is_chosen(output):
    indices = np.array([[2, 0]], "int32")
    weights = np.eye(3, dtype="float32")[indices]
    np.testing.assert_array_equal(
        item_reading.mixed(ITEMS, EVERY, weights, output),
        item_reading.chosen(ITEMS, indices, output),
    )


def test_mixed_is_the_sum_or_each_item_by_its_largest_weight():
    weights = np.array([[[0.5, 0.5, 0.0], [0.1, 0.7, 0.2]]], "float32")
    np.testing.assert_allclose(
        item_reading.mixed(ITEMS, EVERY, weights, "gather"),
        weights @ ITEMS,
        rtol=1e-6,  # a sum in float32
    )
    largest = np.array([0.5, 0.7, 0.2], "float32")[:, None]
    np.testing.assert_allclose(
        item_reading.mixed(ITEMS, EVERY, weights, "zero"), ITEMS * largest
    )


@every_output
def test_what_does_not_count_is_not_read(output):
    items = ITEMS.copy()
    items[0, 1] = np.nan
    counts = np.array([[True, False, True]])
    weights = np.array([[[0.5, 0.0, 0.5]]], "float32")
    clean = np.where(counts[..., None], items, 0)
    np.testing.assert_array_equal(
        item_reading.mixed(items, counts, weights, output),
        item_reading.mixed(clean, EVERY, weights, output),
    )
