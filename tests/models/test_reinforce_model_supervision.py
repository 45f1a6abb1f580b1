"""Training by labels, rewards and some known places at once."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models
from keras_attention.models import known_places
from keras_attention.models.hard_attention import hard_attention

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.random((6, 9, 8, 1)).astype("float32")
PLACES = GENERATOR.uniform(-0.8, 0.8, (6, 2)).astype("float32")
LABELS = np.arange(6) % 3
SOME = np.where([[1], [0]] * 3, PLACES, np.nan)


@pytest.fixture
def supervised(look_at_images):
    """Makes a model that learns from places, too, compiled."""

    def make(supervision, **arguments):
        plain = look_at_images()
        model = models.ReinforceModel(
            plain.input, plain.output, supervision=supervision, **arguments
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss, metrics=["accuracy"])
        return model

    return make


def test_fit_learns_labels_and_places_together(supervised_loss_of, supervised):
    model = supervised(0.5)
    history = model.fit(
        IMAGES,
        (LABELS, SOME),
        validation_data=(IMAGES, (LABELS, SOME)),
        epochs=2,
        verbose=0,
    ).history
    assert {"supervised_loss", "val_supervised_loss"} < set(history)
    assert np.isfinite([*history.values()]).all()
    loss, _ = supervised_loss_of(model, IMAGES, SOME)
    assert history["val_supervised_loss"][-1] == pytest.approx(loss, rel=1e-5)
    # Without places it is evaluated as any model.
    evaluated = model.evaluate(IMAGES, LABELS, verbose=0, return_dict=True)
    assert evaluated["loss"] == pytest.approx(history["val_loss"][-1])


def test_without_places_no_supervised_loss_is_shown(supervised):
    model = supervised(0.5)
    history = model.fit(
        IMAGES,
        (LABELS, SOME),
        validation_data=(IMAGES, LABELS),
        epochs=2,
        verbose=0,
    ).history
    assert "val_supervised_loss" not in history
    assert "val_accuracy" in history
    assert np.all(np.array(history["supervised_loss"]) != 0)
    assert len(history["supervised_loss"]) == 2


def test_until_sure_is_evaluated_with_places_too(supervised):
    model = supervised(0.5)
    sure = models.until_sure(model, 1.0)
    for each in (model, sure):
        each.compile(loss=model.loss, metrics=["accuracy"], run_eagerly=True)
    shown = sure.evaluate(IMAGES, (LABELS, SOME), verbose=0, return_dict=True)
    plain = model.evaluate(IMAGES, LABELS, verbose=0, return_dict=True)
    assert shown == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize("num_samples", [1, 3])
def test_supervision_adds_its_gradient_to_the_policy_alone(
    num_samples, supervised
):
    def gradients_with(supervision):
        keras.utils.set_random_seed(2)
        model = supervised(supervision, num_samples=num_samples)
        weights = [weight.value for weight in model.trainable_weights]
        with tf.GradientTape(persistent=True) as tape:
            with keras_attention.record_attention() as attention:
                scores = model(IMAGES, training=True)
            y = (LABELS, SOME) if supervision else LABELS
            loss = model.compute_loss(y=y, y_pred=scores)
            expected = known_places.total_loss(model, attention, SOME)
        return [
            tape.gradient(value, weights, unconnected_gradients="zero")
            for value in (loss, expected)
        ]

    without, of_places = gradients_with(0.0)
    found, _ = gradients_with(0.5)
    for one, two, places in zip(found, without, of_places, strict=True):
        np.testing.assert_allclose(one, two + 0.5 * places, atol=1e-5)
    # The kernel and the bias of the location network.
    assert sum(np.any(places != 0) for places in of_places) == 2


def test_training_with_supervision_needs_places(supervised):
    model = supervised(0.5)
    with pytest.raises(ValueError, match=r"`\(labels, places\)`.*Received"):
        model.fit(IMAGES, LABELS, verbose=0)


@pytest.mark.parametrize("supervision", [-0.1, "much", np.nan, np.inf])
def test_a_weight_below_0_is_an_error(supervision, supervised):
    with pytest.raises(ValueError, match="`supervision` must be a number"):
        supervised(supervision)


def test_fit_takes_sample_weights_besides_places():
    items = keras.Input((5, 4))
    chosen = layers.ItemWiseHardAttention(units=4)(items)
    scores = keras.layers.Dense(3)(keras.layers.Flatten()(chosen))
    model = models.ReinforceModel(items, scores, supervision=1.0)
    model.compile(
        keras.optimizers.SGD(0.0),
        [keras.losses.SparseCategoricalCrossentropy(from_logits=True)],
    )
    shown = model.evaluate(
        np.zeros((2, 5, 4), "float32"),
        (np.array([0, 1]), np.array([2, 2])),
        sample_weight=np.array([1.0, 0.0]),
        verbose=0,
        return_dict=True,
    )
    # log 5 for one example of weight 1, and one of weight 0
    np.testing.assert_allclose(
        shown["supervised_loss"], np.log(5) / 2, rtol=1e-5
    )


@pytest.mark.parametrize("shape", [(6,), (6, 1), (6, 2)])
def test_places_have_weights_of_their_own(
    supervised, supervised_loss_of, shape
):
    model, weights = supervised(0.5), np.arange(np.prod(shape)).reshape(shape)
    shown = model.evaluate(
        IMAGES,
        (LABELS, PLACES),
        sample_weight=(np.ones(6), weights),
        verbose=0,
        return_dict=True,
    )
    loss, _ = supervised_loss_of(model, IMAGES, PLACES, weights)
    assert shown["supervised_loss"] == pytest.approx(loss, rel=1e-5)
    plain = model.evaluate(IMAGES, LABELS, verbose=0, return_dict=True)
    assert shown["loss"] == pytest.approx(plain["loss"], rel=1e-5)


def test_the_supervised_loss_is_the_mean_over_all_known_places(
    supervised, supervised_loss_of
):
    model = supervised(0.5)
    places = np.where([[1], [1], [1], [0], [0], [0]], PLACES, np.nan)
    shown = model.evaluate(
        IMAGES, (LABELS, places), batch_size=2, verbose=0, return_dict=True
    )
    loss, _ = supervised_loss_of(model, IMAGES, places)
    assert shown["supervised_loss"] == pytest.approx(loss, rel=1e-5)


def test_two_hard_layers_of_one_name_are_an_error(look_at_items):
    def look(name):
        inside = look_at_items()
        return keras.Model(inside.input, inside.output, name=name)

    items = keras.Input((5, 3))
    both = keras.layers.Add()([look("left")(items), look("right")(items)])
    plain = keras.Model(items, both)
    message = "the same name.*Received: name='look' twice"
    with pytest.raises(ValueError, match=message):
        hard_attention(plain)
    with pytest.raises(ValueError, match=message):
        models.ReinforceModel(items, both, estimator="exact")
