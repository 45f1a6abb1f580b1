"""How the Gaussian policy stays in the image, and what it learns by."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_attention import layers

MEAN = np.array([[0.0, 0.5], [0.95, -0.95], [-0.2, 0.1]], "float32")


def make(**arguments):
    return layers.GaussianLocationPolicy(
        **{"stddev": 0.3, "seed": 1, **arguments}
    )


def test_truncated_samples_lie_inside_and_are_the_choice_of_the_log_prob():
    mean = np.repeat([[1.1, 0.9]], 4000, axis=0).astype("float32")
    outcome = make(bound="truncate")(mean, training=True)
    location = outcome["location"].numpy().astype("float64")
    assert np.all(np.abs(location) < 1)
    for axis, m in enumerate((1.1, 0.9)):
        normal = stats.truncnorm((-1 - m) / 0.3, (1 - m) / 0.3, m, 0.3)
        assert stats.kstest(location[:, axis], normal.cdf).pvalue > 0.01
    expected = sum(
        stats.truncnorm.logpdf(
            location[:, axis], (-1 - m) / 0.3, (1 - m) / 0.3, m, 0.3
        )
        for axis, m in enumerate((1.1, 0.9))
    )
    np.testing.assert_allclose(outcome["log_prob"], expected, atol=1e-4)


def test_the_mode_of_the_truncated_policy_is_the_mean_in_the_image():
    mean = np.array([[0.3, -2.0]], "float32")
    outcome = make(bound="truncate")(mean)
    np.testing.assert_allclose(outcome["location"], [[0.3, -1.0]], rtol=1e-6)
    np.testing.assert_array_equal(outcome["location_mean"], mean)
    beside = make(bound="truncate")(
        mean, choices={"location": np.array([[0.3, -0.98]], "float32")}
    )
    assert outcome["log_prob"] > beside["log_prob"]


def test_a_given_location_outside_counts_as_the_nearest_one_if_truncated():
    policy, step = make(bound="truncate"), np.array([[-3.0, 0.2]], "float32")
    outcome = policy(MEAN[:1], choices={"location": step})
    np.testing.assert_array_equal(outcome["location"], step)
    border = policy(MEAN[:1], choices={"location": np.clip(step, -1, 1)})
    assert outcome["log_prob"] == border["log_prob"]


@pytest.mark.parametrize("bound", ["clip", "truncate"])
def test_no_gradient_passes_through_the_sample(bound):
    policy = make(bound=bound, learned_stddev=True)
    mean = tf.constant(MEAN)
    with tf.GradientTape() as tape:
        tape.watch(mean)
        location = policy(mean, training=True)["location"]
    assert tape.gradient(location, [mean, policy.stddev]) == [None, None]


def reward_of(location):
    x, y = location[..., 0], location[..., 1]
    return np.exp(-4 * (x - 0.5) ** 2) + 0.3 * np.sin(3 * y) + 0.5 * x * y


def expected_reward(bound, parameters):
    """By numerical integration; `parameters` are the mean and the stddev."""
    places, weights = [], []
    for mean, stddev in zip(parameters[:2], parameters[2:], strict=True):
        borders = (-6, 6)
        if bound == "truncate":
            borders = ((-1 - mean) / stddev, (1 - mean) / stddev)
        ticks = np.linspace(*borders, 1001)
        density = stats.norm.pdf(ticks)
        density[[0, -1]] /= 2
        places.append(np.clip(mean + stddev * ticks, -1, 1))
        weights.append(density / density.sum())
    grid = np.stack(np.meshgrid(*places, indexing="ij"), axis=-1)
    return np.sum(np.outer(*weights) * reward_of(grid))


@pytest.mark.parametrize("bound", ["clip", "truncate"])
def test_mean_and_deviation_learn_the_gradient_of_the_expected_reward(bound):
    parameters, num_samples = np.array([0.6, -0.5, 0.4, 0.5]), 100_000
    policy = make(stddev=(0.4, 0.5), learned_stddev=True, bound=bound)
    mean = tf.Variable([[0.6, -0.5]])
    with tf.GradientTape() as tape:
        outcome = policy(tf.tile(mean, (num_samples, 1)), training=True)
        reward = reward_of(outcome["location"].numpy())
        advantage = tf.constant(reward - reward.mean(), "float32")
        gain = tf.reduce_mean(outcome["log_prob"] * advantage)
    gradient = tape.gradient(gain, [mean, policy.stddev])
    sampled = np.concatenate([np.ravel(one) for one in gradient])
    steps = 1e-4 * np.eye(4)
    exact = np.array(
        [
            (
                expected_reward(bound, parameters + step)
                - expected_reward(bound, parameters - step)
            )
            / 2e-4
            for step in steps
        ]
    )
    error = np.linalg.norm(sampled - exact) / np.linalg.norm(exact)
    assert error < 0.02
    assert np.abs(exact).min() > 0.03
