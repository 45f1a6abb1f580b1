import numpy as np
import pytest
import tensorflow as tf

from keras_attention.policies import distributions, reinforce

SCORES = np.array([[0.1, 0.9, 0.0], [0.5, 0.2, 0.3], [0, 0, 1]], "float32")


@pytest.mark.parametrize(
    "y_true",
    [
        np.array([1, 2, 2], "int64"),
        np.array([1, 2, 2], "uint8"),
        np.array([1.0, 2.0, 2.0], "float32"),
        np.array([[1], [2], [2]]),
        np.eye(3, dtype="float32")[[1, 2, 2]],
    ],
    ids=["sparse", "uint8", "float", "column", "one-hot"],
)
def test_the_reward_is_1_where_the_class_is_right(y_true):
    reward = reinforce.correct_at_end(tf.constant(y_true), SCORES)
    np.testing.assert_array_equal(reward, [1, 0, 1])
    assert reward.dtype == "float32"


@pytest.mark.parametrize("shape", [(4, 1), (4,), (4, 5, 3)])
def test_scores_that_are_not_of_classes_are_an_error(shape):
    with pytest.raises(ValueError, match=r"two classes or more.*y_pred.shape"):
        reinforce.correct_at_end(tf.zeros(4), tf.zeros(shape))


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
