import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_attention
from keras_attention import layers
from keras_attention.policies import distributions, noise


def uniform(*shape):
    return np.random.default_rng(3).uniform(size=shape).astype("float32")


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (distributions.standard_normal, stats.norm()),
        (distributions.standard_gumbel, stats.gumbel_r()),
        (distributions.uniform_locations, stats.uniform(-1, 2)),
    ],
)
def test_given_numbers_become_noise_of_the_distribution(draw, expected):
    with noise.given(noise.Columns(tf.constant(uniform(20_000, 2)))):
        drawn = draw((20_000, 1), None).numpy().ravel()
    assert stats.kstest(drawn, expected.cdf).pvalue > 0.01


def test_gumbel_noise_is_the_inverse_of_its_distribution():
    numbers = uniform(5, 7)
    with noise.given(noise.Columns(tf.constant(numbers))):
        drawn = distributions.standard_gumbel((5, 7), None)
    np.testing.assert_allclose(
        drawn, stats.gumbel_r.ppf(numbers), rtol=1e-4, atol=1e-5
    )


def test_every_draw_takes_the_next_columns():
    numbers = uniform(2, 6)
    columns = noise.Columns(tf.constant(numbers))
    with noise.given(columns):
        first = noise.uniform((2, 2))
        second = noise.uniform((2, 2, 2))
    np.testing.assert_array_equal(first, numbers[:, :2])
    np.testing.assert_array_equal(second, numbers[:, 2:].reshape(2, 2, 2))
    assert columns.taken == 6


def test_zero_and_one_give_finite_noise():
    numbers = tf.constant([[0.0, 1.0, 0.0, 1.0]])
    for make, shape in ((noise.gumbel, (1, 4)), (noise.normal, (1, 2))):
        with noise.given(noise.Columns(numbers)):
            assert np.isfinite(make(shape)).all()


def test_counting_says_how_many_numbers_a_layer_takes():
    look = layers.RecurrentAttention(layers.GlimpseCell(4), num_glimpses=3)
    count = noise.Columns()
    with noise.given(count), keras_attention.policy("sample"):
        look(np.zeros((1, 8, 8, 1), "float32"))
    assert count.taken == 3 * 2 * 2  # steps, coordinates, two for a normal


def test_the_same_numbers_give_the_same_places_and_others_others():
    look = layers.RecurrentAttention(layers.GlimpseCell(4), num_glimpses=3)
    image = np.zeros((2, 8, 8, 1), "float32")

    def places(numbers):
        columns = noise.Columns(tf.constant(numbers))
        with noise.given(columns), keras_attention.policy("sample"):
            return look(image, return_attention=True)[1]["location"].numpy()

    one = np.repeat(uniform(1, 12), 2, axis=0)
    np.testing.assert_allclose(*places(one), atol=1e-6)
    np.testing.assert_array_equal(places(one), places(one))
    assert np.any(places(one) != places(1 - one))


def test_too_few_numbers_are_refused():
    with (
        noise.given(noise.Columns(tf.zeros((2, 3)))),
        pytest.raises(ValueError, match=r"at least 4 columns. .*\(2, 3\)"),
    ):
        noise.uniform((2, 2, 2))


def test_an_unknown_number_of_items_is_refused():
    with (
        noise.given(noise.Columns()),
        pytest.raises(ValueError, match="a fixed number of items"),
    ):
        noise.uniform((2, None))
