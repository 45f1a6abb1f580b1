import numpy as np
import pytest
import tensorflow as tf

from keras_attention.models.weighted_reward import WeightedReward

SCORES = tf.zeros((3, 4, 5))  # 3 examples, 4 steps, 5 classes
DENSE = np.arange(12.0).reshape(3, 4)
NAN, INF = float("nan"), float("inf")
CHOSEN = {"query": tf.zeros((3, 4, 2))}
ONCE = {"query": tf.zeros((3, 1, 2))}


def masked(mask):
    scores = tf.zeros((3, 4, 5))
    scores._keras_mask = tf.constant(mask)
    return scores


def check(reward, returns, counts, chosen=CHOSEN):
    found = reward.of_choices(chosen)
    shape = chosen["query"].shape[:2]
    np.testing.assert_allclose(found[0], np.broadcast_to(returns, shape))
    np.testing.assert_array_equal(found[1], np.broadcast_to(counts, shape))


def test_one_reward_is_that_of_every_choice():
    reward = WeightedReward(tf.constant([1.0, 2.0, 3.0]), SCORES)
    check(reward, [[1], [2], [3]], 1)
    check(reward, [[1], [2], [3]], 1, ONCE)
    np.testing.assert_array_equal(reward.total, [1, 2, 3])
    np.testing.assert_array_equal(reward.metric_weight(), [1, 1, 1])


def test_a_choice_earns_what_comes_after_it():
    reward = WeightedReward(DENSE, SCORES)
    after = [[6, 6, 5, 3], [22, 18, 13, 7], [38, 30, 21, 11]]
    check(reward, after, 1)
    check(reward, [[6], [22], [38]], 1, ONCE)
    np.testing.assert_array_equal(reward.total, [6, 22, 38])


def test_integers_and_booleans_are_rewards_too():
    check(
        WeightedReward(np.array([True, False, True]), SCORES),
        [[1], [0], [1]],
        1,
    )


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_reward_that_is_no_number_counts_for_nothing(value):
    reward = WeightedReward(tf.constant([1.0, value, 3.0]), SCORES)
    check(reward, [[1], [0], [3]], [[1], [0], [1]])
    np.testing.assert_array_equal(reward.metric_weight(), [1, 0, 1])
    dense = DENSE.copy()
    dense[0, 3], dense[1, 1], dense[2] = value, value, value
    reward = WeightedReward(dense, SCORES)
    after = [[3, 3, 2, 0], [17, 13, 13, 7], [0, 0, 0, 0]]
    check(reward, after, [[1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    np.testing.assert_array_equal(reward.metric_weight(), [1, 1, 0])


PADDED = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("by", ["mask", "weight", "mask and weight"])
def test_padding_has_no_reward_and_no_choices(by):
    scores = masked(np.array(PADDED, bool)) if "mask" in by else SCORES
    weight = np.array(PADDED, "float32") if "weight" in by else None
    reward = WeightedReward(DENSE, scores, weight)
    check(reward, [[6, 6, 5, 3], [9, 5, 0, 0], [0, 0, 0, 0]], PADDED)
    np.testing.assert_array_equal(reward.metric_weight(), [1, 1, 0])
    reward = WeightedReward(tf.constant([1.0, 2.0, 3.0]), scores, weight)
    check(reward, [[1], [2], [3]], PADDED)


def test_a_step_without_weight_before_a_reward_still_learns():
    weight = np.array([[0.0, 0, 0, 1]] * 3)
    reward = WeightedReward(DENSE, SCORES, weight)
    check(reward, DENSE[:, 3:], 1)


def test_the_drivers_mask_leaves_choices_out():
    chosen = {**CHOSEN, "mask": tf.constant(PADDED)}
    reward = WeightedReward(tf.constant([1.0, 2.0, 3.0]), tf.zeros((3, 5)))
    check(reward, [[1], [2], [3]], PADDED, chosen)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_weights_of_examples_weigh_their_terms(shape):
    weight = np.array([1.0, 0.5, 0.0]).reshape(shape)
    reward = WeightedReward(DENSE, SCORES, weight)
    np.testing.assert_allclose(reward.weighted(tf.ones(3)), [1, 0.5, 0])
    found = reward.weighted(tf.ones((3, 2)))
    np.testing.assert_allclose(found, [[1, 1], [0.5, 0.5], [0, 0]])
    np.testing.assert_array_equal(reward.total, [6, 22, 38])


def test_weights_of_steps_are_those_of_their_example_too():
    weight = np.array([[2.0, 2, 2, 2], [0.5, 0.5, 0, 0], [4, 2, 0, 0]])
    reward = WeightedReward(np.ones((3, 4)), SCORES, weight)
    np.testing.assert_allclose(reward.example_weight, [2, 0.5, 4])
    np.testing.assert_allclose(reward.total, [4, 2, 1.5])


def test_no_gradient_reaches_a_reward():
    scores = tf.constant(DENSE, "float32")
    with tf.GradientTape() as tape:
        tape.watch(scores)
        returns, _ = WeightedReward(scores, SCORES).of_choices(CHOSEN)
    assert tape.gradient(returns, scores) is None


@pytest.mark.parametrize("shape", [(), (2,), (3, 4, 1), (2, 4)])
def test_one_reward_for_each_prediction(shape):
    with pytest.raises(ValueError, match=r"batch=3.*reward.shape=\("):
        WeightedReward(tf.zeros(shape), SCORES)


@pytest.mark.parametrize("steps", [1, 3, 5])
def test_rewards_of_another_number_of_choices_are_an_error(steps):
    reward = WeightedReward(tf.zeros((3, steps)), SCORES)
    with pytest.raises(ValueError, match=rf"\(batch, 4\).*\(3, {steps}\)"):
        reward.of_choices(CHOSEN)


@pytest.mark.parametrize(
    ("num_choices", "dense"),
    [(1, True), (1, False), (4, True), (4, False), (6, False)],
)
def test_a_number_of_steps_known_late_changes_nothing(num_choices, dense):
    chosen = {"query": tf.zeros((3, num_choices, 2))}

    def of_choices(scores):
        scores._keras_mask = tf.range(tf.shape(scores)[1])[None] < [
            [4],
            [2],
            [0],
        ]
        reward = tf.reduce_sum(scores, axis=-1)
        reward = reward if dense else reward[:, 0]
        return WeightedReward(reward, scores).of_choices(chosen)

    scores = tf.constant(np.repeat(DENSE[..., None] / 5, 5, -1), "float32")
    late = tf.function(of_choices, [tf.TensorSpec((None, None, 5))])
    for found, expected in zip(late(scores), of_choices(scores), strict=True):
        assert found.shape == (3, num_choices)
        np.testing.assert_allclose(found, expected)


def test_rewards_of_another_number_are_an_error_in_a_graph_too():
    @tf.function(input_signature=[tf.TensorSpec((3, None))])
    def of_choices(reward):
        return WeightedReward(reward, SCORES).of_choices(CHOSEN)

    of_choices(tf.zeros((3, 4)))
    for steps in (1, 3, 5):
        with pytest.raises(tf.errors.InvalidArgumentError, match="compatible"):
            of_choices(tf.zeros((3, steps)))


def test_several_weights_are_an_error():
    with pytest.raises(ValueError, match="`sample_weight`. Received: 2"):
        WeightedReward(tf.zeros(3), SCORES, [np.ones(3), np.ones(3)])
