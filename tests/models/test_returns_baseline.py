import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention.models import baseline as baselines
from keras_attention.models.returns_baseline import (
    BatchMeanBaseline,
    LeaveOneOutBaseline,
    MovingAverageBaseline,
    NoBaseline,
)

GENERATOR = np.random.default_rng(0)
RETURNS = GENERATOR.normal(size=(6, 4)).astype("float32")
COUNTS = (GENERATOR.random((6, 4)) < 0.7).astype("float32")
ONES = np.ones_like(COUNTS)


def expected(baseline, returns=RETURNS, counts=ONES, **call):
    if not baseline.built:
        baseline.build({"look": (None, 4, 8)})
    return np.array(
        baseline({"look": returns}, {"look": counts}, **call)["look"]
    )


def mean_of_others(returns, counts, groups):
    """By loops: for each row the mean of the other rows of its group."""
    means = np.zeros_like(returns)
    for b, t in np.ndindex(returns.shape):
        others = [
            returns[c, t]
            for c in range(len(returns))
            if c != b and groups[c] == groups[b] and counts[c, t]
        ]
        means[b, t] = np.mean(others) if others else 0
    return means


@pytest.mark.parametrize("counts", [ONES, COUNTS], ids=["all", "some"])
def test_the_mean_of_the_batch_leaves_the_example_out(counts):
    found = expected(BatchMeanBaseline(), counts=counts, num_samples=2)
    by_hand = mean_of_others(RETURNS, counts, groups=[0] * 6)
    np.testing.assert_allclose(found, by_hand, atol=1e-6)


@pytest.mark.parametrize("counts", [ONES, COUNTS], ids=["all", "some"])
@pytest.mark.parametrize("num_samples", [2, 3])
def test_the_mean_of_the_other_rollouts_of_the_same_input(num_samples, counts):
    found = expected(
        LeaveOneOutBaseline(), counts=counts, num_samples=num_samples
    )
    groups = np.arange(6) // num_samples
    by_hand = mean_of_others(RETURNS, counts, groups)
    np.testing.assert_allclose(found, by_hand, atol=1e-6)


def test_of_one_rollout_alone_nothing_is_expected():
    for baseline in (BatchMeanBaseline(), LeaveOneOutBaseline()):
        found = expected(baseline, RETURNS[:1], ONES[:1], num_samples=1)
        np.testing.assert_array_equal(found, np.zeros((1, 4)))
    np.testing.assert_array_equal(expected(NoBaseline()), 0 * RETURNS)


def test_the_moving_average_is_of_earlier_batches():
    baseline = MovingAverageBaseline(momentum=0.75)
    batches = GENERATOR.normal(size=(3, 6, 4)).astype("float32")
    average, weight = np.zeros(4), 0.0
    for batch in batches:
        by_hand = average / weight if weight else average
        found = expected(baseline, batch, training=True)
        np.testing.assert_allclose(found, np.tile(by_hand, (6, 1)), atol=1e-6)
        average = 0.75 * average + 0.25 * batch.mean(axis=0)
        weight = 0.75 * weight + 0.25
    # Evaluation reads it and leaves it as it is.
    for _ in range(2):
        found = expected(baseline, batches[0])
        np.testing.assert_allclose(found[0], average / weight, atol=1e-6)


def test_the_moving_average_leaves_out_what_does_not_count():
    baseline = MovingAverageBaseline()
    counts = COUNTS.copy()
    counts[:, 2] = 0
    expected(baseline, counts=counts, training=True)
    found = expected(baseline)[0]
    by_hand = np.sum(RETURNS * counts, axis=0) / np.maximum(counts.sum(0), 1)
    np.testing.assert_allclose(found, by_hand, atol=1e-6)
    assert found[2] == 0
    before = baseline.averages[0].numpy()
    expected(baseline, counts=0 * counts, training=True)
    np.testing.assert_array_equal(baseline.averages[0], before)


def test_a_moving_average_of_sequences_of_any_length_is_one_number():
    baseline = MovingAverageBaseline()
    baseline.build({"look": (None, None, 8)})
    expected(baseline, training=True)
    found = expected(baseline, RETURNS[:, :3], ONES[:, :3])
    np.testing.assert_allclose(
        found, np.full((6, 3), RETURNS.mean()), atol=1e-6
    )


@pytest.mark.parametrize("momentum", [-0.1, 1, 1.5])
def test_a_momentum_out_of_range_is_an_error(momentum):
    with pytest.raises(ValueError, match=f"Received: momentum={momentum}"):
        MovingAverageBaseline(momentum)


@pytest.mark.parametrize("name", baselines.NAMES)
def test_a_config_keeps_it(name):
    layer = baselines.make_baseline(name, num_samples=2)
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is baselines.NAMES[name]
    assert again.get_config() == layer.get_config()


def test_no_baseline_is_trained_or_cast_to_half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    for name in ("moving_average", "batch_mean", "leave_one_out", "none"):
        layer = baselines.make_baseline(name, num_samples=2)
        found = expected(layer, 1e6 * RETURNS, num_samples=2, training=True)
        assert found.dtype == "float32"
        assert np.isfinite(found).all()
        assert layer.trainable_weights == []


@pytest.mark.parametrize("baseline", ["learnt", None, 3])
def test_an_unknown_name_is_an_error(baseline):
    with pytest.raises(ValueError, match=r"'leave_one_out', 'none'.*Received"):
        baselines.make_baseline(baseline, num_samples=2)


def test_leave_one_out_needs_two_rollouts():
    for baseline in ("leave_one_out", LeaveOneOutBaseline()):
        with pytest.raises(ValueError, match="Received: num_samples=1"):
            baselines.make_baseline(baseline, num_samples=1)


def test_a_layer_of_the_queries_is_called_on_them():
    class Half(keras.layers.Layer):
        def call(self, queries):
            return {name: 0.5 * q[..., 0] for name, q in queries.items()}

    query = tf.constant(GENERATOR.normal(size=(6, 4, 8)), "float32")
    found = baselines.expected_rewards(
        Half(), {"look": query}, {"look": RETURNS}, {"look": ONES}
    )
    np.testing.assert_allclose(found["look"], query[..., 0] / 2)
