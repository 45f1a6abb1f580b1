"""`distributions.TruncatedNormal`, against SciPy and against integration."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_attention.policies.distributions import TruncatedNormal

STDDEVS = [0.02, 0.15, 1.0, 20.0]
MEANS = np.array([0.0, 0.3, -0.97, 1.0, -1.0, 1.2, -2.0], "float32")


def scipys(mean, stddev):
    mean = np.float64(mean)
    return stats.truncnorm(
        (-1 - mean) / stddev, (1 - mean) / stddev, mean, stddev
    )


def both(values):
    """The same values for x and for y."""
    values = np.asarray(values, "float32")
    return np.stack([values, values], axis=-1)


@pytest.mark.parametrize("stddev", STDDEVS)
@pytest.mark.parametrize("place", [-1.0, -0.3, 0.99])
def test_log_prob_is_that_of_scipy(stddev, place):
    log_prob = TruncatedNormal(both(MEANS), stddev).log_prob(
        both(np.full(len(MEANS), place))
    )
    expected = 2 * scipys(MEANS, stddev).logpdf(np.float32(place))
    np.testing.assert_allclose(log_prob, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("stddev", STDDEVS[1:])
def test_entropy_is_that_of_scipy(stddev):
    entropy = TruncatedNormal(both(MEANS), stddev).entropy()
    expected = 2 * scipys(MEANS, stddev).entropy()
    # SciPy itself is 2e-4 off at the mean -2.
    np.testing.assert_allclose(entropy, expected, atol=3e-4)


@pytest.mark.parametrize("beyond", [10.0, 30.0, 99.0])
def test_far_outside_it_is_exponential(beyond):
    stddev = 0.01
    normal = TruncatedNormal([[-1 - beyond * stddev, 0.0]], (stddev, 1.0))
    scale = stddev / beyond
    others = TruncatedNormal([[0.0, 0.0]], 1.0)
    rest = others.entropy() / 2
    exact = 1 + np.log(scale) + rest
    atol = 3 / beyond**2 + 0.001
    np.testing.assert_allclose(normal.entropy(), exact, atol=atol)
    density = normal.log_prob([[-1.0, 0.0]]) - others.log_prob([[0, 0.0]]) / 2
    np.testing.assert_allclose(density, -np.log([scale]), atol=2 / beyond**2)


@pytest.mark.parametrize("stddev", STDDEVS)
@pytest.mark.parametrize("mean", MEANS)
def test_noise_is_carried_to_the_same_quantile(stddev, mean):
    noise = np.linspace(-4, 4, 41, dtype="float32")
    normal = TruncatedNormal(both(np.full(41, mean)), stddev)
    places = normal.sample(both(noise)).numpy()
    np.testing.assert_array_equal(places[:, 0], places[:, 1])
    expected = scipys(mean, stddev).ppf(stats.norm.cdf(noise.astype(float)))
    np.testing.assert_allclose(places[:, 0], expected, atol=1e-5)


def test_samples_are_of_the_distribution():
    noise = np.random.default_rng(3).normal(size=(20_000, 2)).astype("float32")
    means, stddevs = np.array([[0.8, -4.0]], "float32"), (0.5, 0.2)
    places = TruncatedNormal(means, stddevs).sample(noise).numpy()
    for axis in (0, 1):
        normal = scipys(means[0, axis], stddevs[axis])
        assert stats.kstest(places[:, axis], normal.cdf).pvalue > 0.01


EXTREMES = np.array(
    [0.0, 1.0, -1.0, 1 + 1e-7, 3.0, -50.0, 1e4, -1e20, np.inf], "float32"
)


@pytest.mark.parametrize("stddev", [1e-3, 0.1, 5.0])
def test_all_is_finite_wherever_the_mean_lies(stddev):
    mean, width = tf.constant(both(EXTREMES)), tf.constant(stddev)
    for value in (-8.0, 0.0, 8.0):
        noise = tf.fill(mean.shape, value)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([mean, width])
            normal = TruncatedNormal(mean, width)
            moved = normal.sample(noise)
            places = tf.stop_gradient(moved)
            log_prob, entropy = normal.log_prob(places), normal.entropy()
        assert np.all(np.abs(places) <= 1)
        gradients = [
            tape.gradient(target, source)
            for target in (log_prob, entropy, moved)
            for source in (mean, width)
        ]
        for value in (log_prob, entropy, *gradients):
            assert np.all(np.isfinite(value))


@pytest.mark.parametrize("stddev", [0.15, 1.0])
def test_gradients_are_those_of_scipy(stddev):
    place, step = 0.9, 1e-5
    mean = tf.Variable(both(MEANS))
    width = tf.Variable(tf.fill((len(MEANS), 2), stddev))
    with tf.GradientTape() as tape:
        normal = TruncatedNormal(mean, width)
        log_prob = normal.log_prob(tf.fill(mean.shape, place))
    to_mean, to_width = tape.gradient(log_prob, [mean, width])
    m = MEANS.astype("float64")
    expected = (
        scipys(m + step, stddev).logpdf(place)
        - scipys(m - step, stddev).logpdf(place)
    ) / (2 * step)
    np.testing.assert_allclose(to_mean[:, 0], expected, rtol=1e-3, atol=1e-3)
    expected = (
        scipys(m, stddev + step).logpdf(place)
        - scipys(m, stddev - step).logpdf(place)
    ) / (2 * step)
    np.testing.assert_allclose(to_width[:, 1], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("stddev", [0.05, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("mean", [0.0, 0.4, -0.95, 1.3, -2.0])
def test_samples_move_with_the_quantiles_of_scipy(stddev, mean):
    noise = np.linspace(-3, 3, 13)
    quantile, step = stats.norm.cdf(noise), 1e-5
    means = tf.Variable(both(np.full(13, mean)))
    widths = tf.Variable(both(np.full(13, stddev)))
    with tf.GradientTape() as tape:
        places = TruncatedNormal(means, widths).sample(both(noise))
    to_mean, to_width = tape.gradient(places, [means, widths])
    expected = (
        scipys(mean + step, stddev).ppf(quantile)
        - scipys(mean - step, stddev).ppf(quantile)
    ) / (2 * step)
    np.testing.assert_allclose(to_mean[:, 0], expected, atol=1e-4)
    expected = (
        scipys(mean, stddev + step).ppf(quantile)
        - scipys(mean, stddev - step).ppf(quantile)
    ) / (2 * step)
    np.testing.assert_allclose(to_width[:, 1], expected, atol=1e-3)


def test_one_deviation_for_all_hears_every_sample():
    noise = np.random.default_rng(2).normal(size=(7, 2)).astype("float32")
    one, each = tf.Variable(0.4), tf.Variable(tf.fill((7, 2), 0.4))
    with tf.GradientTape(persistent=True) as tape:
        places = TruncatedNormal(both(MEANS), one).sample(noise)
        apart = TruncatedNormal(both(MEANS), each).sample(noise)
    np.testing.assert_allclose(
        tape.gradient(places, one),
        tf.reduce_sum(tape.gradient(apart, each)),
        rtol=1e-5,
    )


def test_eager_and_xla_are_the_same():
    noise = np.random.default_rng(1).normal(size=(7, 2)).astype("float32")

    def everything(mean, noise):
        normal = TruncatedNormal(mean, 0.15)
        places = normal.sample(noise)
        return places, normal.log_prob(places), normal.entropy()

    compiled = tf.function(everything, jit_compile=True)(both(MEANS), noise)
    for one, other in zip(
        compiled, everything(both(MEANS), noise), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-4)
