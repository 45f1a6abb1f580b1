import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from keras_attention import rewards

SCORES = np.array([[0.1, 0.9, 0.0], [0.5, 0.2, 0.3], [0, 0, 1]], "float32")
GENERATOR = np.random.default_rng(0)
STEPS = GENERATOR.normal(size=(3, 4, 3)).astype("float32")
CLASSES = np.array([1, 2, 2])


@pytest.mark.parametrize(
    "y_true",
    [
        CLASSES.astype("int64"),
        CLASSES.astype("uint8"),
        CLASSES.astype("float32"),
        CLASSES[:, None],
        np.eye(3, dtype="float32")[CLASSES],
    ],
    ids=["sparse", "uint8", "float", "column", "one-hot"],
)
def test_the_reward_is_1_where_the_class_is_right(y_true):
    reward = rewards.correct_at_end(tf.constant(y_true), SCORES)
    np.testing.assert_array_equal(reward, [1, 0, 1])
    assert reward.dtype == "float32"
    by_hand = scipy.special.log_softmax(SCORES, axis=-1)[range(3), CLASSES]
    reward = rewards.log_likelihood(tf.constant(y_true), SCORES)
    np.testing.assert_allclose(reward, by_hand, rtol=1e-5)


OVER_TIME = {
    "sparse": CLASSES,
    "column": CLASSES[:, None],
    "one-hot": np.eye(3)[CLASSES],
    "each step": np.repeat(CLASSES[:, None], 4, axis=1),
    "each step, column": np.repeat(CLASSES[:, None, None], 4, axis=1),
    "each step, one-hot": np.repeat(np.eye(3)[CLASSES][:, None], 4, axis=1),
}


@pytest.mark.parametrize("form", OVER_TIME)
def test_of_predictions_per_step_the_last_is_read(form):
    y_true = tf.constant(OVER_TIME[form])
    right = np.argmax(STEPS[:, -1], axis=-1) == CLASSES
    np.testing.assert_array_equal(
        rewards.correct_at_end(y_true, STEPS), right.astype("float32")
    )
    log_probs = scipy.special.log_softmax(STEPS, axis=-1)
    of_truth = log_probs[range(3), :, CLASSES]  # (3, 4)
    np.testing.assert_allclose(
        rewards.log_likelihood(y_true, STEPS), of_truth[:, -1], rtol=1e-5
    )
    gain = np.diff(of_truth, axis=1, prepend=np.log(1 / 3))
    np.testing.assert_allclose(
        rewards.log_likelihood_gain(y_true, STEPS), gain, atol=1e-6
    )


@pytest.mark.parametrize("graph", [False, True])
def test_the_last_step_is_not_one_of_the_padding(graph):
    counts = np.array([4, 2, 1])
    mask = np.arange(4) < counts[:, None]
    each = np.where(mask, CLASSES[:, None], 0)  # the labels are padded too

    def reward(scores):
        scores._keras_mask = tf.constant(mask)
        right = rewards.correct_at_end(tf.constant(each), scores)
        return right, rewards.log_likelihood(tf.constant(CLASSES), scores)

    if graph:
        reward = tf.function(reward, [tf.TensorSpec((None, None, 3))])
    last = STEPS[range(3), counts - 1]
    right, log_likelihood = reward(tf.constant(STEPS))
    np.testing.assert_array_equal(right, last.argmax(axis=-1) == CLASSES)
    by_hand = scipy.special.log_softmax(last, axis=-1)[range(3), CLASSES]
    np.testing.assert_allclose(log_likelihood, by_hand, rtol=1e-5)


def test_classes_per_step_may_differ_and_be_as_many_as_the_steps():
    y_true = np.array([[0, 1, 2], [2, 2, 0]])
    scores = np.eye(3, dtype="float32")[[[0, 0, 2], [2, 2, 1]]]  # T = K = 3
    np.testing.assert_array_equal(
        rewards.correct_at_end(y_true, scores), [1, 0]
    )


def test_the_gains_add_up_to_the_likelihood():
    gain = rewards.log_likelihood_gain(CLASSES, STEPS)
    whole = rewards.log_likelihood(CLASSES, STEPS)
    np.testing.assert_allclose(
        np.sum(gain, axis=1), whole + np.log(3), atol=1e-5
    )


@pytest.mark.parametrize("unknown", [-1, 3, 255])
def test_a_class_that_is_none_of_them_counts_for_nothing(unknown):
    scores = np.log([[0.7, 0.2, 0.1]] * 2)
    classes = np.array([unknown, 0])
    right = rewards.correct_at_end(classes, scores)
    np.testing.assert_array_equal(right, [np.nan, 1])
    likelihood = rewards.log_likelihood(classes, scores)
    np.testing.assert_allclose(likelihood, [np.nan, np.log(0.7)], rtol=1e-6)
    steps = np.log([[[0.5, 0.3, 0.2]] * 3])
    gain = rewards.log_likelihood_gain(np.array([[0, 0, unknown]]), steps)
    np.testing.assert_allclose(
        gain, [[np.log(1.5), 0, np.nan]], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_hopeless_score_has_a_finite_reward(dtype):
    scores = np.array([[-3e4, 3e4]], dtype)
    reward = rewards.log_likelihood(np.array([0]), scores)
    np.testing.assert_allclose(reward, [-6e4], rtol=1e-3)
    assert reward.dtype == "float32"


@pytest.mark.parametrize("shape", [(4, 1), (4,), (4, 5, 3, 2)])
@pytest.mark.parametrize("name", ["correct_at_end", "log_likelihood"])
def test_scores_that_are_not_of_classes_are_an_error(name, shape):
    reward = getattr(rewards, name)
    with pytest.raises(ValueError, match=r"two classes or more.*y_pred.shape"):
        reward(tf.zeros(4), tf.zeros(shape))


def test_a_gain_needs_scores_at_every_step():
    with pytest.raises(
        ValueError, match=r"at every step.*y_pred.shape=\(4, 3\)"
    ):
        rewards.log_likelihood_gain(tf.zeros(4), tf.zeros((4, 3)))


def test_a_config_names_them():
    for name in ("correct_at_end", "log_likelihood", "log_likelihood_gain"):
        function = getattr(rewards, name)
        config = keras.saving.serialize_keras_object(function)
        assert keras.saving.deserialize_keras_object(config) is function
