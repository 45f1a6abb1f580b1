"""Examples that read the expected item: Show, Attend and Tell, section 4.1."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers

GENERATOR = np.random.default_rng(0)
ITEMS = GENERATOR.normal(size=(6, 5, 4)).astype("float32")
QUERY = GENERATOR.normal(size=(6, 4)).astype("float32")
MASK = GENERATOR.random((6, 5)) > 0.3
every_estimator = pytest.mark.parametrize(
    "estimator", ["score_function", "straight_through", "relaxed"]
)


def make(rate, **arguments):
    return layers.ItemWiseHardAttention(
        **{"units": 4, "seed": 5, "expectation_rate": rate, **arguments}
    )


def alike(first, second):
    """Gives a second layer the scores of a first one; builds both."""
    first(ITEMS, QUERY), second(ITEMS, QUERY)
    second.score.set_weights(first.score.get_weights())
    return first, second


def results(layer, **arguments):
    """What it reads, what it attended to, and the gradient of a loss."""
    with tf.GradientTape() as tape:
        read, attention = layer(
            ITEMS, QUERY, return_attention=True, **arguments
        )
        loss = tf.reduce_sum(tf.square(read))
    return read, attention, tape.gradient(loss, layer.score.trainable_weights)


@every_estimator
@pytest.mark.parametrize("form", ["gather", "zero"])
def test_where_all_examples_do_it_is_soft_attention(estimator, form):
    hard = make(1.0, estimator=estimator, output=form, temperature=2.0)
    soft = layers.ItemWiseSoftAttention(
        units=4,
        temperature=2.0,
        output="zero" if form == "zero" else "expectation",
    )
    alike(soft, hard)
    read, attention, gradients = results(hard, training=True, mask=MASK)
    expected, weights, of_soft = results(soft, mask=MASK)
    if form == "gather":
        read = read[:, 0]
    np.testing.assert_allclose(read, expected, atol=1e-6)
    for one, other in zip(gradients, of_soft, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    np.testing.assert_array_equal(
        attention["indices"][:, 0],
        np.argmax(weights["attention_weights"], axis=1),
    )
    if estimator == "score_function":
        np.testing.assert_array_equal(attention["log_prob"], np.zeros(6))


def test_the_other_examples_sample_as_they_would_without():
    without, layer = alike(make(0.0), make(0.5))
    read, attention = layer(ITEMS, QUERY, training=True, return_attention=True)
    sampled, same = without(ITEMS, QUERY, training=True, return_attention=True)
    expected = attention["log_prob"].numpy() == 0
    assert 0 < expected.sum() < 6
    np.testing.assert_array_equal(read[~expected], sampled[~expected])
    assert np.all(np.any(read[expected] != sampled[expected], axis=-1))
    for name in ("indices", "log_prob"):
        np.testing.assert_array_equal(
            attention[name][~expected], same[name][~expected]
        )


def test_the_reward_reaches_only_those_that_sampled():
    layer = make(0.5, score="state")
    layer(ITEMS, QUERY)
    query = tf.constant(QUERY)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(query)
        read, attention = layer(
            ITEMS, query, training=True, return_attention=True
        )
        loss = tf.reduce_sum(tf.square(read))
    expected = attention["log_prob"].numpy() == 0
    assert 0 < expected.sum() < 6
    by_reward = tape.gradient(attention["log_prob"], query).numpy()
    by_loss = tape.gradient(loss, query).numpy()
    np.testing.assert_array_equal(np.any(by_reward != 0, axis=1), ~expected)
    np.testing.assert_array_equal(np.any(by_loss != 0, axis=1), expected)


def test_an_example_does_so_in_the_whole_rollout():
    cell = layers.AttentionCell(make(0.5), keras.layers.SimpleRNNCell(4))
    look = layers.RecurrentAttention(cell, num_glimpses=4)
    _, attention = look(ITEMS, training=True, return_attention=True)
    expected = attention["log_prob"].numpy() == 0
    assert 0 < expected[:, 0].sum() < 6
    np.testing.assert_array_equal(expected, expected[:, :1] | np.zeros(4, bool))


def test_out_of_training_and_in_scopes_that_do_not_sample_nothing_is_mixed():
    layer = make(1.0)
    assert layer.choices(ITEMS, 2, training=False) == {}
    with keras_attention.policy("sample"):
        assert set(layer.choices(ITEMS, 2, training=False)) == {"noise"}
    with keras_attention.policy("random"):
        assert set(layer.choices(ITEMS, 2, training=True)) == {"random"}
    with keras_attention.policy("mode"):
        np.testing.assert_array_equal(
            layer(ITEMS, QUERY, training=True), layer(ITEMS, QUERY)
        )


def test_a_row_without_items_reads_zeros():
    read, attention = make(1.0)(
        ITEMS,
        QUERY,
        mask=np.zeros((6, 5), bool),
        training=True,
        return_attention=True,
    )
    np.testing.assert_array_equal(read, np.zeros((6, 1, 4)))
    np.testing.assert_array_equal(attention["indices"], np.full((6, 1), -1))


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
@every_estimator
def test_mixed_precision_mixes_too(dtype, estimator):
    keras.config.set_dtype_policy(dtype)
    layer = make(0.5, estimator=estimator)
    read, attention = layer(ITEMS, QUERY, training=True, return_attention=True)
    assert read.dtype == dtype.removeprefix("mixed_")
    assert attention["attention_weights"].dtype == "float32"
    assert np.all(np.isfinite(tf.cast(read, "float32")))
