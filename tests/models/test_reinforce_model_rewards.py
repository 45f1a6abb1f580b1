import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import models, rewards


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def cell_of(model):
    return model.get_layer("look").cell


def certainty(y_true, y_pred):
    return tf.reduce_max(tf.nn.softmax(y_pred), axis=-1)


def test_a_reward_of_the_users_own(make_model, images, labels):
    model = make_model(reward=certainty)
    figures = model.evaluate(images, labels, verbose=0, return_dict=True)
    expected = np.mean(certainty(None, model(images)))
    np.testing.assert_allclose(figures["reward"], expected, rtol=1e-5)


def test_a_reward_that_is_not_one_for_each_example_is_an_error(
    make_model, images, labels
):
    model = make_model(reward=lambda y_true, y_pred: tf.reduce_mean(y_pred))
    with pytest.raises(ValueError, match=r"`reward`.*reward.shape=\(\)"):
        model.fit(images, labels, verbose=0)


def test_metrics_have_the_right_values(make_model, images, labels):
    model = make_model()
    with keras_attention.record_attention() as attention:
        scores = model(images)
    reward = (np.argmax(scores, axis=-1) == labels).astype("float32")
    baseline = model.baseline({"look": attention["look"]["query"]})["look"]
    error = np.mean((reward[:, None] - baseline) ** 2)
    loss = crossentropy()(labels, scores)
    figures = model.evaluate(images, labels, verbose=0, return_dict=True)
    np.testing.assert_allclose(figures["reward"], reward.mean(), rtol=1e-6)
    np.testing.assert_allclose(figures["baseline_error"], error, rtol=1e-5)
    np.testing.assert_allclose(figures["loss"], loss, rtol=1e-5)


def steps_model(look, **arguments):
    """A model that predicts after each glimpse."""
    images = keras.Input((9, 8, 1))
    scores = keras.layers.Dense(3, name="classifier")(look(images))
    model = models.ReinforceModel(images, scores, **arguments)
    model.compile("sgd", crossentropy())
    return model


def test_a_dense_reward_credits_each_choice_with_what_follows(
    make_look, images, labels
):
    gain = rewards.log_likelihood_gain
    look = make_look(3, return_sequences=True)
    model = steps_model(look, reward=gain, baseline="none")
    kernel = cell_of(model).location_network.kernel.value
    with tf.GradientTape(persistent=True) as tape:
        with keras_attention.record_attention() as attention:
            scores = model(images, training=True)
        y = np.repeat(labels[:, None], 3, axis=1)
        loss = model.compute_loss(images, y, scores)
        reward, value = gain(labels, scores).numpy(), 0.0
        for b, t in np.ndindex(8, 3):
            after = reward[b, t:].sum()
            value -= attention["look"]["log_prob"][b, t] * after / 8
    found, expected = (tape.gradient(of, kernel) for of in (loss, value))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(found).max() > 1e-5
    np.testing.assert_allclose(
        model.reward_tracker.result(), reward.sum(axis=1).mean(), rtol=1e-5
    )


@pytest.mark.parametrize("shape", [(8, 2), (8, 3, 1), (7,)])
def test_a_reward_of_the_wrong_shape_is_an_error(
    make_look, images, labels, shape
):
    look = make_look(3, return_sequences=True)
    model = steps_model(look, reward=lambda y_true, y_pred: tf.zeros(shape))
    scores = model(images, training=True)
    y = np.repeat(labels[:, None], 3, axis=1)
    with pytest.raises(ValueError, match=r"`reward` must return one number"):
        model.compute_loss(images, y, scores)


def test_a_reward_that_is_nan_counts_for_nothing(make_model, images, labels):
    """As if there were no such examples, but in the mean over all."""
    known = np.arange(8) < 5

    def sometimes(y_true, y_pred):
        rest = tf.where(tf.range(tf.shape(y_pred)[0]) < 5, 1.0, np.nan)
        return rest * rewards.log_likelihood(y_true, y_pred)

    def change_of_policy(reward, weight=None):
        keras.utils.set_random_seed(1)
        model = make_model(reward=reward, compile_with={"run_eagerly": True})
        cell = cell_of(model)
        with keras_attention.policy(location=[0.3, -0.2]):
            history = model.fit(
                images,
                labels,
                sample_weight=weight,
                shuffle=False,
                verbose=0,
            )
        learned = cell.location_network.weights + model.baseline.weights
        return [each.numpy() for each in learned], history

    found, history = change_of_policy(sometimes)
    expected, _ = change_of_policy(
        rewards.log_likelihood, known.astype("float32")
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert np.isfinite(history.history["reward"]).all()
    assert np.isfinite(history.history["baseline_error"]).all()


def test_only_nan_rewards_leave_the_policy_as_it_is(make_model, images, labels):
    model = make_model(
        reward=lambda y_true, y_pred: tf.fill(tf.shape(y_pred)[:1], np.nan)
    )
    before = cell_of(model).location_network.get_weights()
    history = model.fit(images, labels, verbose=0).history
    for old, new in zip(
        before, cell_of(model).location_network.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(old, new)
    assert np.isfinite(history["loss"]).all()


def test_spread_and_entropy_of_the_policy(make_model, images, labels):
    model = make_model()
    with keras_attention.record_attention() as attention:
        scores = model(images, training=True)
    looked = attention["look"]
    weight = np.arange(8.0)
    model.compute_loss(images, labels, scores, weight)
    figures = model.get_metrics_result()
    away = (looked["location"] - looked["location_mean"]) ** 2
    spread = np.average(np.mean(away, axis=(1, 2)), weights=weight) ** 0.5
    np.testing.assert_allclose(figures["location_stddev"], spread, rtol=1e-5)
    entropy = np.average(np.mean(looked["entropy"], axis=1), weights=weight)
    np.testing.assert_allclose(figures["policy_entropy"], entropy, rtol=1e-5)


def test_a_model_of_items_has_no_spread(make_items_model, items, labels):
    model = make_items_model()
    figures = model.evaluate(items, labels, verbose=0, return_dict=True)
    names = {"loss", "reward", "baseline_error", "policy_entropy"}
    assert set(figures) == names
