import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from keras_attention.policies import distributions

MEAN = np.array([[0.1, -0.4], [0.9, 0.0]], "float32")
PLACES = np.array([[0.3, -0.5], [-1.2, 0.1]], "float32")


def seeds(seed=3):
    return keras.random.SeedGenerator(seed)


@pytest.mark.parametrize("stddev", [0.2, (0.2, 0.5)])
def test_log_prob_is_that_of_the_normal_distribution(stddev):
    normal = distributions.normal_over_places(MEAN, stddev)
    expected = stats.norm.logpdf(PLACES, MEAN, stddev).sum(axis=-1)
    np.testing.assert_allclose(normal.log_prob(PLACES), expected, rtol=1e-5)


@pytest.mark.parametrize("stddev", [0.2, (0.2, 0.5)])
def test_entropy_is_that_of_the_normal_distribution(stddev):
    normal = distributions.normal_over_places(MEAN, stddev)
    each = stats.norm.entropy(MEAN, stddev) * np.ones((2, 2))
    np.testing.assert_allclose(normal.entropy(), each.sum(-1), rtol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_computed_in_float32(policy):
    keras.config.set_dtype_policy(policy)
    mean = tf.cast(MEAN, keras.config.dtype_policy().compute_dtype)
    normal = distributions.normal_over_places(mean, 0.2)
    assert normal.log_prob(PLACES).dtype == "float32"
    assert normal.entropy().dtype == "float32"
    noise = distributions.standard_normal((2, 2), seeds())
    assert noise.dtype == "float32"
    places = distributions.uniform_locations((2, 2), seeds())
    assert places.dtype == "float32"
    assert distributions.standard_gumbel((2, 2), seeds()).dtype == "float32"
    assert distributions.categorical_log_probs(mean).dtype == "float32"


def test_noise_is_standard_normal():
    noise = distributions.standard_normal((100, 100), seeds()).numpy().ravel()
    assert stats.kstest(noise, "norm").pvalue > 0.01


@pytest.mark.parametrize("jit_compile", [False, True])
def test_gumbel_noise_is_standard_and_finite(jit_compile):
    generator = seeds()
    draw = tf.function(
        lambda: distributions.standard_gumbel((200, 1000), generator),
        jit_compile=jit_compile,
    )
    noise = draw().numpy().ravel()
    assert np.all(np.isfinite(noise))
    assert stats.kstest(noise[:20_000], stats.gumbel_r.cdf).pvalue > 0.01


def test_the_categorical_is_the_softmax_of_the_scores():
    scores = np.array([[0.0, 1.0, -2.0], [5.0, 5.0, -1e9]], "float32")
    log_probs = distributions.categorical_log_probs(scores)
    expected = special.log_softmax(scores, axis=-1)
    np.testing.assert_allclose(log_probs, expected, rtol=1e-5)


def test_random_locations_are_uniform_over_the_image():
    places = distributions.uniform_locations((5000, 2), seeds()).numpy()
    test = stats.kstest(places.ravel(), stats.uniform(-1, 2).cdf)
    assert test.pvalue > 0.01


def test_the_same_seed_gives_the_same_noise_and_another_gives_another():
    shape = (4, 3, 2)
    first = distributions.standard_normal(shape, seeds(1))
    again = distributions.standard_normal(shape, seeds(1))
    other = distributions.standard_normal(shape, seeds(2))
    np.testing.assert_array_equal(first, again)
    assert not np.any(first == other)


def test_noise_is_new_at_every_call():
    generator = seeds()
    first = distributions.standard_normal((4, 2), generator)
    second = distributions.standard_normal((4, 2), generator)
    assert not np.any(first == second)


def test_every_replica_has_noise_of_its_own():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        generator = seeds()

    @tf.function
    def draw():
        return strategy.run(
            distributions.standard_normal, args=((3, 2), generator)
        )

    first, second = strategy.experimental_local_results(draw())
    assert not np.any(first.numpy() == second.numpy())
