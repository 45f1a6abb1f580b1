"""Pretraining of a policy on known places."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.random((6, 9, 8, 1)).astype("float32")
PLACES = GENERATOR.uniform(-0.8, 0.8, (6, 2)).astype("float32")
ITEMS = GENERATOR.normal(size=(6, 5, 3)).astype("float32")


def gradients(model, inputs, places):
    pretraining = models.PolicyPretraining(model)
    weights = [weight.value for weight in pretraining.trainable_weights]
    with tf.GradientTape() as tape:
        loss = pretraining.compute_loss(inputs, places, pretraining(inputs))
    return float(loss), tape.gradient(loss, weights)


@pytest.mark.parametrize(
    ("make", "inputs", "unknown"),
    [
        ("look_at_images", IMAGES, PLACES * np.nan),
        ("look_at_items", ITEMS, -1),
    ],
)
def test_where_no_place_is_known_there_is_nothing_to_learn(
    request, make, inputs, unknown
):
    places = np.broadcast_to(unknown, np.shape(unknown) or 6)
    model = request.getfixturevalue(make)()
    loss, found = gradients(model, inputs, places)
    assert loss == 0
    for gradient in found:
        np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))


@pytest.mark.parametrize(
    ("make", "inputs", "places"),
    [
        (
            "look_at_images",
            IMAGES,
            np.where([[1]] * 3 + [[0]] * 3, PLACES, np.nan),
        ),
        ("look_at_items", ITEMS, np.array([3, 0, 2, -1, -1, -1])),
    ],
)
def test_an_example_without_a_place_has_no_influence(
    request, make, inputs, places
):
    model = request.getfixturevalue(make)()
    other = np.concatenate([inputs[:3], 1 - inputs[3:]])
    loss, found = gradients(model, inputs, places)
    other_loss, other_found = gradients(model, other, places)
    assert loss == other_loss
    for one, two in zip(found, other_found, strict=True):
        assert np.any(one != 0)
        np.testing.assert_array_equal(one, two)


def test_pretraining_learns_the_places_and_nothing_else(look_at_images):
    model = look_at_images()
    cell = model.get_layer("look").cell
    before = [weight.numpy() for weight in model.weights]
    places = np.tile(np.array([0.5, -0.25], "float32"), (6, 1))
    places[::2] = np.nan

    def distance():
        with keras_attention.record_attention() as attention:
            model(IMAGES)
        away = attention["look"]["location"] - np.array([0.5, -0.25], "float32")
        return np.linalg.norm(away, axis=-1).mean()

    at_first = distance()
    pretraining = models.PolicyPretraining(model)
    pretraining.compile(keras.optimizers.Adam(0.1))
    history = pretraining.fit(
        IMAGES, places, validation_data=(IMAGES, places), epochs=25, verbose=0
    ).history
    assert set(history) == {"loss", "val_loss"}
    assert history["loss"][-1] < history["loss"][0]
    assert distance() < at_first / 4
    changed = {
        weight.path
        for weight, old in zip(model.weights, before, strict=True)
        if np.any(weight.numpy() != old)
    }
    network = cell.location_network
    seeds = cell.location_policy.seed_generator.state.path
    assert changed - {seeds} == {w.path for w in network.weights}


def test_pretraining_learns_items(look_at_items):
    model = look_at_items()
    pretraining = models.PolicyPretraining(model)
    pretraining.compile(keras.optimizers.Adam(0.2))
    # The item with the largest first feature.
    places = ITEMS[..., 0].argmax(axis=1)
    pretraining.fit(ITEMS, places, epochs=25, verbose=0)
    with keras_attention.record_attention() as attention:
        model(ITEMS)
    found = attention["look"]["indices"].numpy()[..., 0]
    np.testing.assert_array_equal(found, np.stack([places, places], axis=1))


def test_pretraining_trains_a_deviation_that_is_learned(look_at_images):
    policy = layers.GaussianLocationPolicy(0.3, learned_stddev=True)
    pretraining = models.PolicyPretraining(look_at_images(policy))
    pretraining.compile("sgd")
    pretraining.fit(IMAGES, PLACES, verbose=0)
    assert float(policy.stddev) != pytest.approx(0.3)


def test_a_file_keeps_the_pretraining(tmp_path, look_at_images):
    pretraining = models.PolicyPretraining(look_at_images())
    pretraining.compile("sgd")
    pretraining.fit(IMAGES, PLACES, verbose=0)
    pretraining.save(tmp_path / "pretraining.keras")
    again = keras.models.load_model(tmp_path / "pretraining.keras")
    np.testing.assert_array_equal(
        again.model(IMAGES), pretraining.model(IMAGES)
    )


def test_a_model_without_hard_attention_is_an_error():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs), name="plain")
    with pytest.raises(ValueError, match="needs a model with.*'plain'"):
        models.PolicyPretraining(model)
