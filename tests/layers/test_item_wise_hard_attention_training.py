"""How item-wise hard attention learns."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from keras_attention import layers, models

GENERATOR = np.random.default_rng(0)
ITEMS = GENERATOR.normal(size=(3, 5, 4)).astype("float32")
QUERY = GENERATOR.normal(size=(3, 4)).astype("float32")


@pytest.mark.parametrize("form", ["gather", "zero"])
def test_gradients_reach_items_by_what_is_read_and_scores_by_log_prob(form):
    layer = layers.ItemWiseHardAttention(2, units=4, output=form)
    items, query = tf.constant(ITEMS), tf.constant(QUERY)
    layer(items, query)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([items, query])
        output, attention = layer(
            items, query, training=True, return_attention=True
        )
    read = tape.gradient(output, items)
    chosen = tf.reduce_max(tf.one_hot(attention["indices"], 5), axis=1)
    np.testing.assert_array_equal(read, np.repeat(chosen[..., None], 4, -1))
    assert tape.gradient(output, query) is None
    weights = layer.trainable_variables
    assert all(g is None for g in tape.gradient(output, weights))
    for gradient in tape.gradient(attention["log_prob"], [query, *weights]):
        assert np.any(gradient != 0)


def probabilities(scores, k, replacement):
    """Of the first item i and the last item j, (4, 4), by hand."""
    alpha = scipy.special.softmax(scores)
    if k == 1:
        return np.diag(alpha)
    both = np.outer(alpha, alpha)
    if replacement:
        return both
    return both * (1 - np.eye(4)) / (1 - alpha[:, None])


@pytest.mark.parametrize(
    ("k", "replacement"), [(1, False), (2, False), (2, True)]
)
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_sampled_gradients_are_those_of_the_expected_reward(
    k, replacement, temperature
):
    bias = np.array([0.8, -0.3, 0.1, 0.4])
    rewards = np.random.default_rng(2).uniform(size=(4, 4))

    def expected_reward(bias):
        table = probabilities(bias / temperature, k, replacement)
        return np.sum(table * rewards)

    exact = [
        (expected_reward(bias + h) - expected_reward(bias - h)) / 2e-5
        for h in 1e-5 * np.eye(4)
    ]
    layer = layers.ItemWiseHardAttention(
        k, replacement, "state", temperature=temperature
    )
    layer.build((None, 4, 1), (None, 2))
    layer.set_weights([np.zeros((2, 4)), bias])
    with tf.GradientTape() as tape:
        _, attention = layer(
            np.zeros((40_000, 4, 1)),
            np.zeros((40_000, 2)),
            training=True,
            return_attention=True,
        )
        indices = attention["indices"].numpy()
        advantage = rewards[indices[:, 0], indices[:, -1]] - rewards.mean()
        value = tf.reduce_mean(attention["log_prob"] * advantage)
    sampled = tape.gradient(value, layer.score.of_query.bias).numpy()
    norms = np.linalg.norm(sampled) * np.linalg.norm(exact)
    assert sampled @ exact / norms > 0.99
    np.testing.assert_allclose(sampled, exact, atol=0.01)


@pytest.mark.parametrize("with_query", [False, True])
def test_reinforce_model_trains_it_outside_any_loop(with_query):
    x = GENERATOR.normal(size=(64, 5, 4)).astype("float32")
    y = np.argmax(x[:, 0], axis=1)
    items = keras.Input((5, 4))
    query = keras.layers.Flatten()(items) if with_query else None
    attend = layers.ItemWiseHardAttention(units=8)
    read = keras.layers.Flatten()(attend(items, query))
    model = models.ReinforceModel(items, keras.layers.Dense(4)(read))
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    before = attend.score.get_weights()
    history = model.fit(x, y, batch_size=16, epochs=2, verbose=0).history
    names = ["baseline_error", "loss", "policy_entropy", "reward"]
    assert sorted(history) == names
    assert np.isfinite(list(history.values())).all()
    for old, new in zip(before, attend.score.get_weights(), strict=True):
        assert np.any(old != new)
