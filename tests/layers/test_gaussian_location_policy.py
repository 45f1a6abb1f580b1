import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_attention
from keras_attention import layers

MEAN = np.array([[0.0, 0.5], [0.95, -0.95], [-0.2, 0.1]], "float32")


def make(**arguments):
    return layers.GaussianLocationPolicy(
        **{"stddev": 0.3, "seed": 1, **arguments}
    )


def test_in_training_it_samples_around_the_mean():
    mean = tf.tile([[0.1, -0.2]], (4000, 1))
    location = make(stddev=0.1)(mean, training=True)["location"].numpy()
    z = (location - [0.1, -0.2]) / 0.1
    assert stats.kstest(z.ravel(), "norm").pvalue > 0.01


def test_out_of_training_it_takes_the_mean():
    np.testing.assert_array_equal(make()(MEAN)["location"], MEAN)
    np.testing.assert_array_equal(make()(MEAN)["location_mean"], MEAN)


def test_noise_that_is_given_decides():
    noise = np.array([[1.0, -1.0], [2.0, -2.0], [0, 0]], "float32")
    location = make()(MEAN, choices={"noise": noise})["location"]
    expected = [[0.3, 0.2], [1.0, -1.0], [-0.2, 0.1]]
    np.testing.assert_allclose(location, expected, atol=1e-6)


def test_the_log_probability_is_of_the_sample_before_clipping():
    noise = np.array([[0.5, 0.0], [2.0, -2.0], [0, 0]], "float32")
    outcome = make()(MEAN, choices={"noise": noise})
    assert (np.abs(outcome["location"]) == 1.0).sum() == 2
    expected = stats.norm.logpdf(MEAN + 0.3 * noise, MEAN, 0.3).sum(-1)
    np.testing.assert_allclose(outcome["log_prob"], expected, rtol=1e-5)


def test_the_mean_learns_through_the_log_probability_alone():
    mean = tf.constant(MEAN)
    noise = tf.ones((3, 2))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(mean)
        outcome = make()(mean, choices={"noise": noise})
    assert tape.gradient(outcome["location"], mean) is None
    gradient = tape.gradient(outcome["log_prob"], mean)
    np.testing.assert_allclose(gradient, np.full((3, 2), 1 / 0.3), rtol=1e-5)


def test_entropy_is_that_of_the_normal_distribution():
    entropy = make()(MEAN)["entropy"]
    expected = np.full(3, 2 * stats.norm.entropy(scale=0.3))
    np.testing.assert_allclose(entropy, expected, rtol=1e-5)


def test_center_looks_at_the_centre():
    with keras_attention.policy("center"):
        location = make()(MEAN, training=True)["location"]
    np.testing.assert_array_equal(location, np.zeros((3, 2)))


def test_random_locations_do_not_depend_on_the_mean():
    with keras_attention.policy("random"):
        location = make()(tf.fill((3000, 2), 0.9))["location"].numpy()
    assert (
        stats.kstest(location.ravel(), stats.uniform(-1, 2).cdf).pvalue > 0.01
    )


def test_sample_samples_out_of_training_and_mode_does_not_in_training():
    with keras_attention.policy("sample"):
        assert not np.any(make()(MEAN)["location"] == MEAN)
    with keras_attention.policy("mode"):
        location = make()(MEAN, training=True)["location"]
    np.testing.assert_array_equal(location, MEAN)


@pytest.mark.parametrize(
    "given",
    [
        np.array([0.5, -0.5]),
        np.array([[0.5, -0.5], [0.1, 0.2], [0.0, 0.3]]),
        np.arange(24).reshape(3, 4, 2) / 100,
        [0.5, -2.0],
    ],
    ids=["one", "for each image", "for each step", "outside the image"],
)
def test_a_given_location_is_taken_as_it_is(given):
    with keras_attention.policy(location=given):
        choices = make().choices(batch_size=3, num_steps=4)
    given = np.asarray(given)
    expected = given if given.ndim == 3 else np.expand_dims(given, -2)
    np.testing.assert_allclose(
        choices["location"], np.broadcast_to(expected, (3, 4, 2)), rtol=1e-6
    )
    step = {name: value[:, 1] for name, value in choices.items()}
    outcome = make()(MEAN, choices=step)
    np.testing.assert_array_equal(outcome["location"], step["location"])
    expected = stats.norm.logpdf(step["location"], MEAN, 0.3).sum(-1)
    np.testing.assert_allclose(outcome["log_prob"], expected, rtol=1e-5)


def test_given_items_are_an_error():
    with (
        keras_attention.policy(indices=[1]),
        pytest.raises(ValueError, match=r"use `policy\(location=\.\.\.\)`"),
    ):
        make().choices(batch_size=3, num_steps=4)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((), r"location.shape=\(\)"),
        ((3,), r"location.shape=\(3,\)"),
        ((3, 1), r"location.shape=\(3, 1\)"),
        ((1, 3, 4, 2), r"location.shape=\(1, 3, 4, 2\)"),
        ((2, 2), r"does not fit.*needed \(batch, steps, 2\)=\(3, 4, 2\)"),
        ((3, 5, 2), r"does not fit.*location.shape=\(3, 5, 2\)"),
    ],
)
def test_a_given_location_of_another_shape_is_an_error(shape, message):
    with (
        keras_attention.policy(location=np.zeros(shape)),
        pytest.raises(ValueError, match=message),
    ):
        make().choices(batch_size=3, num_steps=4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stddev": 0}, "`stddev` must be positive.*stddev=0"),
        ({"stddev": -0.1}, "`stddev` must be positive.*stddev=-0.1"),
        ({"stddev": float("nan")}, "`stddev` must be positive.*stddev=nan"),
        ({"stddev": (0.1, 0.0)}, r"must be positive.*stddev=\(0.1, 0.0\)"),
        ({"stddev": (1, 2, 3)}, r"a number or a pair.*stddev=\(1, 2, 3\)"),
        (
            {"stddev": (0.1, 0.009), "learned_stddev": True},
            r"at or above 0.01.*stddev=\(0.1, 0.009\)",
        ),
        ({"bound": "wrap"}, r"\('clip', 'truncate'\).*bound='wrap'"),
    ],
)
def test_a_wrong_argument_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


@pytest.mark.parametrize("shape", [(3, 3), (3,), (3, 1, 2)])
def test_a_mean_of_another_shape_is_an_error(shape):
    with pytest.raises(ValueError, match=r"`location_mean`.*\(batch, 2\)"):
        make()(np.zeros(shape, "float32"))


def test_the_deviation_is_a_weight_that_is_not_trained():
    policy = make()
    policy.build((None, 2))
    assert policy.trainable_weights == []
    policy.stddev.assign(0.5)
    outcome = policy(MEAN, choices={"noise": tf.fill((3, 2), 0.1)})
    np.testing.assert_allclose(
        outcome["location"][0], MEAN[0] + 0.05, rtol=1e-6
    )


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_it_computes_in_float32_under_mixed_precision(dtype):
    half = tf.cast(MEAN, dtype.removeprefix("mixed_"))
    outcome = make(dtype=dtype)(half, training=True)
    assert {value.dtype for value in outcome.values()} == {tf.float32}


def test_a_file_keeps_the_deviation_and_where_the_random_numbers_are(tmp_path):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, make()(inputs))
    model.layers[-1].stddev.assign(0.07)
    model(MEAN, training=True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert float(again.layers[-1].stddev) == np.float32(0.07)
    for _ in range(2):
        np.testing.assert_array_equal(
            model(MEAN, training=True)["location"],
            again(MEAN, training=True)["location"],
        )


def test_set_random_seed_repeats_the_noise():
    def first_locations():
        keras.utils.set_random_seed(5)
        policy = layers.GaussianLocationPolicy()
        return policy(MEAN, training=True)["location"]

    np.testing.assert_array_equal(first_locations(), first_locations())


def test_it_needs_two_values_for_each_example():
    assert make().units == 2


def test_a_pair_of_deviations_is_for_x_and_for_y():
    policy = make(stddev=(0.1, 0.3))
    noise = np.array([[0.5, 1.0], [2.0, -2.0], [0, 0]], "float32")
    outcome = policy(MEAN, choices={"noise": noise})
    assert policy.stddev.shape == (2,)
    np.testing.assert_allclose(outcome["location"][0], [0.05, 0.8], rtol=1e-6)
    sample = MEAN + [0.1, 0.3] * noise
    expected = stats.norm.logpdf(sample, MEAN, [0.1, 0.3]).sum(-1)
    np.testing.assert_allclose(outcome["log_prob"], expected, rtol=1e-5)
    expected = stats.norm.entropy(scale=[0.1, 0.3]).sum()
    np.testing.assert_allclose(outcome["entropy"], [expected] * 3, rtol=1e-5)


def test_a_learned_deviation_stays_at_the_minimum_or_above():
    policy = make(stddev=(0.02, 0.3), learned_stddev=True)
    inputs = keras.Input((2,))
    model = keras.Model(inputs, policy(inputs)["entropy"])
    assert [w is policy.stddev for w in model.trainable_weights] == [True]
    model.compile(keras.optimizers.SGD(1.0), loss=lambda y, entropy: entropy)
    model.fit(MEAN, np.zeros(3), verbose=0)
    np.testing.assert_allclose(policy.stddev, [0.01, 0.01])


def test_a_file_keeps_a_learned_truncated_pair(tmp_path):
    inputs = keras.Input((2,))
    policy = make(stddev=(0.1, 0.3), learned_stddev=True, bound="truncate")
    model = keras.Model(inputs, policy(inputs))
    policy.stddev.assign([0.2, 0.4])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.layers[-1].stddev, policy.stddev)
    np.testing.assert_array_equal(
        again(MEAN, training=True)["location"],
        model(MEAN, training=True)["location"],
    )


@pytest.mark.parametrize("bound", ["clip", "truncate"])
def test_a_mean_that_is_no_number_is_the_centre(bound):
    policy = layers.GaussianLocationPolicy(0.3, bound=bound)
    mean = tf.constant([[np.nan, 0.5], [0.2, 0.5]])
    policy(mean)
    with tf.GradientTape() as tape:
        tape.watch(mean)
        attention = policy(mean, training=True)
    for value in attention.values():
        assert np.all(np.isfinite(value))
    np.testing.assert_allclose(
        attention["location_mean"], [[0.0, 0.5], [0.2, 0.5]]
    )
    gradient = tape.gradient(attention["log_prob"], mean).numpy()
    assert gradient[0, 0] == 0
    assert np.all(np.isfinite(gradient))
