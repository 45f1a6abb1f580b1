import keras
import numpy as np
import pytest

from keras_attention import layers

ITEMS = np.random.default_rng(0).normal(size=(6, 4, 2)).astype("float32")


def cell():
    return layers.AttentionCell(
        layers.ItemWiseSoftAttention(),
        keras.layers.SimpleRNNCell(5, kernel_initializer=large),
    )


def large(shape, dtype):
    return 3 * keras.initializers.RandomNormal(1, seed=1)(shape, dtype)


def test_a_mask_a_task_and_a_start_reach_the_cell():
    head = keras.layers.Dense(3)
    look = layers.UntilSure(cell(), head, num_glimpses=3, threshold=1)
    whole = layers.RecurrentAttention(look.cell, num_glimpses=3)
    given = {
        "mask": np.arange(24).reshape(6, 4) % 3 > 0,
        "task": np.eye(6, dtype="float32"),
        "initial_state": [np.ones((6, 5), "float32")],
    }
    scores, attention = look(ITEMS, **given, return_attention=True)
    output, expected = whole(ITEMS, **given, return_attention=True)
    np.testing.assert_array_equal(scores, head(output))
    assert set(attention) == {*expected, "num_glimpses"}
    for name, value in expected.items():
        np.testing.assert_array_equal(attention[name], value)


def test_a_mask_that_keras_passes_on_reaches_the_cell():
    look = layers.UntilSure(cell(), keras.layers.Dense(3), 2, 1)
    masked = keras.layers.Masking()(np.where(ITEMS > 0, ITEMS, 0))
    expected = look(masked, mask=masked._keras_mask)
    np.testing.assert_array_equal(look(masked), expected)


def test_one_glimpse_at_most_is_no_loop():
    look = layers.UntilSure(cell(), keras.layers.Dense(3), 1, 0.5)
    _, attention = look(ITEMS, return_attention=True)
    np.testing.assert_array_equal(attention["num_glimpses"], 1)
    assert attention["attention_weights"].shape == (6, 1, 4)


def test_scores_that_are_nan_are_never_sure():
    head = keras.layers.Dense(
        3, bias_initializer=keras.initializers.Constant(np.nan)
    )
    look = layers.UntilSure(cell(), head, 3, 0.5)
    _, attention = look(ITEMS, return_attention=True)
    np.testing.assert_array_equal(attention["num_glimpses"], 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell": keras.layers.LSTMCell(2)}, "`cell` must be an attention"),
        ({"head": "softmax"}, "head='softmax'"),
        ({"num_glimpses": 0}, "num_glimpses=0"),
        ({"threshold": 2}, "threshold=2"),
        ({"threshold": None}, "threshold=None"),
    ],
)
def test_arguments_that_do_not_fit_are_errors(arguments, message):
    good = {
        "cell": cell(),
        "head": keras.layers.Dense(3),
        "num_glimpses": 2,
        "threshold": 0.9,
    }
    with pytest.raises(ValueError, match=message):
        layers.UntilSure(**{**good, **arguments})


def test_a_head_that_gives_no_scores_is_an_error():
    head = keras.layers.Reshape((1, 5))
    look = layers.UntilSure(cell(), head, 2, 0.9)
    with pytest.raises(ValueError, match=r"shape=\(6, 1, 5\)"):
        look(ITEMS)
