import numpy as np
import pytest
import scipy.special
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import stats

from keras_attention.policies import item_choice, relaxed_choice

SCORES = np.array([0.3, -1.2, 1.5, 0.0], "float32")
EVERY = np.ones((1, 4), bool)


def noise_of(*shape):
    return np.random.default_rng(3).gumbel(size=shape).astype("float32")


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_it_is_the_sample_of_tfp_for_the_same_uniform_numbers(temperature):
    seed = tf.constant([3, 4])
    concrete = tfp.distributions.RelaxedOneHotCategorical(
        temperature, logits=SCORES
    )
    uniform = tfp.distributions.Uniform(
        np.finfo("float32").tiny, np.float32(1)
    ).sample((500, 4), seed=seed)
    expected = concrete.sample(500, seed=seed)
    noise = -tf.math.log(-tf.math.log(uniform))
    actual = relaxed_choice.relaxed(
        np.tile(SCORES, (500, 1)), np.tile(EVERY, (500, 1)), noise, temperature
    )
    np.testing.assert_allclose(actual[:, 0], expected, atol=1e-5)


def test_of_two_items_it_follows_the_density_of_the_paper():
    # Maddison et al. 2017, appendix B: the binary Concrete distribution.
    first = relaxed_choice.relaxed(
        np.tile([[0.8, -0.3]], (10_000, 1)).astype("float32"),
        np.ones((10_000, 2), bool),
        noise_of(10_000, 2),
        0.7,
    )[:, 0, 0]

    def cumulative(x):
        return scipy.special.expit(0.7 * scipy.special.logit(x) - 1.1)

    assert stats.kstest(first.numpy(), cumulative).pvalue > 0.01


def test_its_largest_part_is_the_item_that_the_same_noise_chooses():
    scores, counts = np.tile(SCORES, (200, 1)), np.tile(EVERY, (200, 1))
    counts[:, 2] = False
    noise = noise_of(200, 3, 4)
    weights = relaxed_choice.relaxed(scores, counts, noise, 0.5)
    chosen = item_choice.choose_with_replacement(scores, counts, 3, noise)
    np.testing.assert_array_equal(np.argmax(weights, axis=-1), chosen)
    np.testing.assert_array_equal(weights[..., 2], np.zeros((200, 3)))
    np.testing.assert_allclose(tf.reduce_sum(weights, -1), 1, atol=1e-6)
    none = relaxed_choice.relaxed(scores, ~EVERY, noise, 0.5)
    np.testing.assert_array_equal(none, np.zeros((200, 3, 4)))


def test_its_gradient_is_that_of_the_softmax_over_the_temperature():
    scores, noise = tf.constant(SCORES)[None], noise_of(1, 4)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        weights = relaxed_choice.relaxed(scores, EVERY, noise, 0.4)[0, 0]
    r = scipy.special.softmax((SCORES + noise[0]).astype("float64") / 0.4)
    expected = (np.diag(r) - np.outer(r, r)) / 0.4
    actual = tape.jacobian(weights, scores)[:, 0]
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
def test_straight_through_is_the_value_and_both_hear_its_gradient(compiled):
    value, surrogate = tf.constant([1.0, 2.0]), tf.constant([0.1, np.nan])

    def run(value, surrogate):
        with tf.GradientTape() as tape:
            tape.watch([value, surrogate])
            passed = relaxed_choice.straight_through(value, surrogate)
            loss = tf.reduce_sum(passed**3)
        return passed, tape.gradient(loss, [value, surrogate])

    passed, gradients = tf.function(run, jit_compile=compiled)(value, surrogate)
    np.testing.assert_array_equal(passed, value)
    for gradient in gradients:
        np.testing.assert_allclose(gradient, [3.0, 12.0], rtol=1e-6)
