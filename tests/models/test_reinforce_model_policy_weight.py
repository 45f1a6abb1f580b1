"""The weight of the policy's gradient beside that of the loss."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.random((6, 9, 8, 1)).astype("float32")
LABELS = np.arange(6) % 3


@pytest.fixture
def weighted():
    """Makes a model whose policy trains the state too, compiled."""

    def make(policy_weight, **arguments):
        keras.utils.set_random_seed(2)
        cell = layers.AttentionCell(
            layers.LocationWiseHardAttention(4), keras.layers.SimpleRNNCell(8)
        )
        images = keras.Input((9, 8, 1))
        state = layers.RecurrentAttention(cell, 2, name="look")(images)
        model = models.ReinforceModel(
            images,
            keras.layers.Dense(3)(state),
            policy_weight=policy_weight,
            **arguments,
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss)
        return model

    return make


@pytest.mark.parametrize("policy_weight", [0, 0.25, 1.0])
def test_the_gradient_is_that_of_the_loss_and_so_much_of_the_policys(
    weighted, policy_weight
):
    model = weighted(policy_weight, baseline="none")
    weights = [weight.value for weight in model.trainable_weights]
    with tf.GradientTape(persistent=True) as tape:
        with keras_attention.record_attention() as attention:
            scores = model(IMAGES, training=True)
        loss = model.compute_loss(y=LABELS, y_pred=scores)
        log_probs = tf.math.log_softmax(scores)
        plain = -tf.reduce_mean(tf.gather(log_probs, LABELS, batch_dims=1))
        right = np.argmax(scores, axis=1) == LABELS
        chosen = tf.reduce_sum(attention["look"]["log_prob"], axis=1)
        policy = -tf.reduce_mean(chosen * right.astype("float32"))
    found, of_loss, of_policy = (
        tape.gradient(value, weights, unconnected_gradients="zero")
        for value in (loss, plain, policy)
    )
    assert 0 < right.sum() < len(LABELS)
    for one, two, three in zip(found, of_loss, of_policy, strict=True):
        np.testing.assert_allclose(one, two + policy_weight * three, atol=1e-5)
    # It reaches the state too, but not the classifier.
    assert sum(np.any(part != 0) for part in of_policy) == 4
    assert not any(np.any(part != 0) for part in of_policy[-2:])


def test_the_baseline_learns_whatever_it_is(weighted):
    def of_baseline(policy_weight):
        model = weighted(policy_weight)
        weights = [one.value for one in model.baseline.trainable_weights]
        with tf.GradientTape() as tape:
            scores = model(IMAGES, training=True)
            loss = model.compute_loss(y=LABELS, y_pred=scores)
        return tape.gradient(loss, weights)

    for one, two in zip(of_baseline(0.0), of_baseline(1.0), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
        assert np.any(one != 0)


def test_the_config_keeps_it(weighted):
    model = weighted(0.25)
    again = models.ReinforceModel.from_config(model.get_config())
    assert again.policy_weight == 0.25
    assert models.ReinforceModel(model.input, model.output).policy_weight == 1


@pytest.mark.parametrize("policy_weight", [-0.1, "much", np.nan, np.inf])
def test_a_weight_below_0_is_an_error(weighted, policy_weight):
    with pytest.raises(ValueError, match="`policy_weight` must be a number"):
        weighted(policy_weight)
