import numpy as np
import pytest
import tensorflow as tf

from keras_attention.policies import distributions, reinforce


def example(batch=3, steps=4):
    generator = np.random.default_rng(0)
    log_prob = generator.normal(size=(batch, steps)).astype("float32")
    baseline = generator.random((batch, steps)).astype("float32")
    return log_prob, np.array([1, 0, 1], "float32")[:batch], baseline


def test_the_policy_loss_is_that_of_the_paper():
    log_prob, reward, baseline = example()
    loss = reinforce.policy_loss(log_prob, reward, tf.constant(baseline))
    for b in range(3):
        terms = [
            log_prob[b, t] * (reward[b] - baseline[b, t]) for t in range(4)
        ]
        np.testing.assert_allclose(loss[b], -sum(terms), rtol=1e-5)


def test_the_baseline_loss_is_the_mean_squared_error():
    _, reward, baseline = example()
    loss = reinforce.baseline_loss(reward, baseline)
    for b in range(3):
        terms = [(reward[b] - baseline[b, t]) ** 2 for t in range(4)]
        np.testing.assert_allclose(loss[b], np.mean(terms), rtol=1e-5)


def test_returns_are_the_sums_of_what_follows():
    rewards = np.random.default_rng(0).normal(size=(3, 4))
    found = reinforce.returns(tf.constant(rewards))
    for b, t in np.ndindex(3, 4):
        np.testing.assert_allclose(found[b, t], sum(rewards[b, t:]))


def test_choices_that_do_not_count_are_left_out():
    log_prob, _, baseline = example()
    returns = np.random.default_rng(1).normal(size=(3, 4)).astype("float32")
    log_prob[1, 2] = -np.inf
    counts = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]], "float32")
    policy = reinforce.policy_loss(log_prob, returns, baseline, counts)
    error = reinforce.baseline_loss(returns, baseline, counts)
    for b, n in enumerate([4, 2, 0]):
        delta = returns[b, :n] - baseline[b, :n]
        np.testing.assert_allclose(
            policy[b], -sum(log_prob[b, :n] * delta), rtol=1e-5
        )
        np.testing.assert_allclose(
            error[b], sum(delta**2) / max(n, 1), rtol=1e-5
        )


def test_gradients_of_the_policy_loss_reach_the_log_probabilities_only():
    log_prob, reward, baseline = map(tf.constant, example())
    with tf.GradientTape() as tape:
        tape.watch([log_prob, reward, baseline])
        loss = reinforce.policy_loss(log_prob, reward, baseline)
    to_log_prob, *others = tape.gradient(loss, [log_prob, reward, baseline])
    np.testing.assert_allclose(to_log_prob, baseline - reward[:, None])
    assert others == [None, None]


def test_gradients_of_the_baseline_loss_do_not_reach_the_reward():
    _, reward, baseline = map(tf.constant, example())
    with tf.GradientTape() as tape:
        tape.watch([reward, baseline])
        loss = reinforce.baseline_loss(reward, baseline)
    to_reward, to_baseline = tape.gradient(loss, [reward, baseline])
    assert to_reward is None
    np.testing.assert_allclose(
        to_baseline, (baseline - reward[:, None]) / 2, rtol=1e-5
    )


STDDEV = 0.3


def reward_of(places):
    x, y = places[..., 0], places[..., 1]
    return np.exp(-4 * (x - 0.5) ** 2) + 0.3 * np.sin(3 * y)


def expected_reward(mean):
    """By numerical integration over a grid of standard normal noise."""
    ticks = np.linspace(-6, 6, 401)
    density = (
        np.exp(-(ticks**2) / 2) / np.sqrt(2 * np.pi) * (ticks[1] - ticks[0])
    )
    noise = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1)
    weights = density[:, None] * density[None, :]
    return np.sum(weights * reward_of(mean + STDDEV * noise))


@pytest.mark.parametrize("baseline", [0.0, 0.4])
def test_the_sampled_gradient_is_that_of_the_expected_reward(baseline):
    mean, num_samples = np.array([0.1, -0.2]), 40_000
    noise = np.random.default_rng(1).normal(size=(num_samples, 2))
    places = mean + STDDEV * noise
    variable = tf.Variable(mean, dtype="float32")
    with tf.GradientTape() as tape:
        each = tf.tile(variable[None], (num_samples, 1))
        normal = distributions.normal_over_places(each, STDDEV)
        losses = reinforce.policy_loss(
            normal.log_prob(places)[:, None],
            tf.constant(reward_of(places), "float32"),
            tf.fill((num_samples, 1), baseline),
        )
        loss = tf.reduce_mean(losses)
    sampled = -tape.gradient(loss, variable)
    steps = 1e-4 * np.eye(2)
    exact = [
        (expected_reward(mean + step) - expected_reward(mean - step)) / 2e-4
        for step in steps
    ]
    np.testing.assert_allclose(sampled, exact, atol=0.04)
    assert min(np.abs(exact)) > 0.3
