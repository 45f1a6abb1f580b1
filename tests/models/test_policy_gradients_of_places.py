"""Sampled policy gradients of places against numerical integration."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models

IMAGES = np.random.default_rng(3).random((2, 8, 8, 1)).astype("float32")
STDDEV = 0.4


def first_score(y_true, y_pred):
    return y_pred[:, 0]


def no_loss(y_true, y_pred):
    return 0.0 * tf.reduce_sum(y_pred, axis=-1)


def make_model(**arguments):
    """One glimpse, at a place that depends on the image."""
    images = keras.Input((8, 8, 1))
    cell = layers.GlimpseCell(
        layers.GlimpseSensor(3),
        core=keras.layers.SimpleRNNCell(6),
        glimpse_network=layers.GlimpseNetwork(6, 6, 6),
        location_policy=layers.GaussianLocationPolicy(STDDEV, seed=5),
        start=keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(6)]),
    )
    state = layers.RecurrentAttention(cell, 1, name="look")(images)
    model = models.ReinforceModel(
        images, keras.layers.Dense(2)(state), reward=first_score, **arguments
    )
    model.compile("sgd", no_loss)
    return model


def weights_of(model):
    network = model.get_layer("look").cell.location_network
    return [weight.value for weight in network.trainable_weights]


def flat(gradients):
    return tf.concat([tf.reshape(one, (-1,)) for one in gradients], axis=0)


def integrated(model):
    """Of the mean over images of integral p(x, y) reward(clipped x, y)."""
    ticks = np.linspace(-1 - 5 * STDDEV, 1 + 5 * STDDEV, 121, dtype="float32")
    places = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 1, 2)
    places = np.tile(places, (len(IMAGES), 1, 1))
    with (
        tf.GradientTape() as tape,
        keras_attention.record_attention() as attention,
        keras_attention.policy(location=np.clip(places, -1, 1)),
    ):
        scores = model(np.repeat(IMAGES, 121**2, axis=0))
        reward = tf.stop_gradient(first_score(None, scores))
        away = (places - attention["look"]["location_mean"])[:, 0] / STDDEV
        density = tf.exp(-tf.reduce_sum(away**2, axis=1) / 2)
        density *= (ticks[1] - ticks[0]) ** 2 / (2 * np.pi * STDDEV**2)
        expected = tf.reduce_sum(density * reward) / len(IMAGES)
    np.testing.assert_allclose(tf.reduce_sum(density), len(IMAGES), rtol=1e-4)
    return flat(tape.gradient(expected, weights_of(model))).numpy()


@pytest.mark.parametrize(
    "arguments",
    [
        {"baseline": "none"},
        {"baseline": "learned"},
        {"baseline": "leave_one_out", "num_samples": 4},
    ],
    ids=lambda arguments: arguments["baseline"],
)
def test_sampled_gradients_are_on_average_the_integral(arguments):
    model = make_model(**arguments)
    exact = integrated(model)
    weights, count = weights_of(model), model.num_samples

    @tf.function
    def sampled():
        images = tf.tile(IMAGES, (2000 // count, 1, 1, 1))
        with tf.GradientTape() as tape:
            scores = model(images, training=True)
            loss = model.compute_loss(y=tf.zeros(4000 // count), y_pred=scores)
        return -flat(tape.gradient(loss, weights))

    found = np.array([sampled().numpy() for _ in range(20)])
    mean, size = found.mean(axis=0), np.linalg.norm(exact)
    assert mean @ exact / (np.linalg.norm(mean) * size) > 0.99
    # What chance leaves of the mean of 20, from their spread.
    chance = np.sqrt(np.sum(found.var(axis=0, ddof=1)) / len(found))
    assert np.linalg.norm(mean - exact) < 3 * chance
    assert chance < 0.1 * size
