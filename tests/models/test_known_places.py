import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import keras_attention
from keras_attention import layers, models
from keras_attention.models import known_places
from keras_attention.models.hard_attention import hard_attention

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.random((6, 9, 8, 1)).astype("float32")
PLACES = GENERATOR.uniform(-0.8, 0.8, (6, 2)).astype("float32")
ITEMS = GENERATOR.normal(size=(6, 5, 3)).astype("float32")


def look_at_images(policy=None):
    cell = layers.GlimpseCell(
        4,
        core=keras.layers.SimpleRNNCell(8, "relu"),
        glimpse_network=layers.GlimpseNetwork(5, 6, 7),
        location_policy=policy or layers.GaussianLocationPolicy(0.3),
        start="learned",
    )
    images = keras.Input((9, 8, 1))
    look = layers.RecurrentAttention(cell, 2, name="look")
    return keras.Model(images, keras.layers.Dense(3)(look(images)))


def look_at_items():
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(units=4), keras.layers.SimpleRNNCell(4)
    )
    items = keras.Input((5, 3))
    look = layers.RecurrentAttention(cell, 2, name="look")
    return keras.Model(items, keras.layers.Dense(3)(look(items)))


def choose_alone():
    items = keras.Input((5, 3))
    chosen = layers.ItemWiseHardAttention(units=4, name="look")(items)
    return keras.Model(items, keras.layers.Flatten()(chosen))


def loss_of(model, inputs, places, sample_weight=None):
    with keras_attention.record_attention() as attention:
        model(inputs)
    mechanism = hard_attention(model)["look"].mechanism
    loss = known_places.supervised_loss(
        mechanism, attention["look"], places, sample_weight
    )
    return float(loss), attention["look"]


def test_of_gaussian_places_it_is_the_negative_log_density():
    model = look_at_images()
    places = np.stack([PLACES, PLACES[::-1]], axis=1)  # one for each step
    loss, attention = loss_of(model, IMAGES, places)
    density = scipy.stats.norm(attention["location_mean"], 0.3).logpdf(places)
    np.testing.assert_allclose(loss, -density.sum(axis=-1).mean(), rtol=1e-5)


def test_of_a_grid_it_is_the_cross_entropy_of_the_cell():
    model = look_at_images(layers.GridLocationPolicy(2, 3))
    network = hard_attention(model)["look"].mechanism.location_network
    network.bias.assign(GENERATOR.normal(size=6))
    places = np.tile(np.array([0.9, -0.1], "float32"), (6, 1))  # cell 2
    loss, attention = loss_of(model, IMAGES, places)
    scores = attention["query"].numpy() @ network.kernel + network.bias
    by_hand = -scipy.special.log_softmax(scores, axis=-1)[..., 2].mean()
    np.testing.assert_allclose(loss, by_hand, rtol=1e-5)


@pytest.mark.parametrize("make", [look_at_items, choose_alone])
def test_of_items_it_is_the_cross_entropy(make):
    indices = np.array([4, -1, 0, 2, -1, 3])
    loss, attention = loss_of(make(), ITEMS, indices)
    weights = np.reshape(attention["attention_weights"], (6, -1, 5))
    known = indices >= 0
    chosen = weights[known, :, indices[known]]
    np.testing.assert_allclose(loss, -np.log(chosen).mean(), rtol=1e-5)


def test_steps_and_examples_that_are_not_known_do_not_count():
    model = look_at_images()
    places = np.stack([PLACES, PLACES], axis=1)
    places[1:, 1] = np.nan
    places[4:] = np.nan
    loss, attention = loss_of(model, IMAGES, places)
    density = scipy.stats.norm(attention["location_mean"], 0.3).logpdf(places)
    by_hand = -np.nansum(density) / 5
    np.testing.assert_allclose(loss, by_hand, rtol=1e-5)


def test_sample_weights_weigh():
    model, weights = look_at_images(), np.arange(6.0)
    loss, attention = loss_of(model, IMAGES, PLACES, weights)
    density = scipy.stats.norm(attention["location_mean"], 0.3).logpdf(
        PLACES[:, None]
    )
    by_hand = -(density.sum(axis=-1) * weights[:, None]).mean()
    np.testing.assert_allclose(loss, by_hand, rtol=1e-5)


@pytest.mark.parametrize("make", [look_at_items, choose_alone])
def test_an_item_that_there_is_not_is_an_error(make):
    model, indices = make(), np.array([4, -1, 0, 5, 1, 3])
    message = "below 5, the number of items"
    with pytest.raises(ValueError, match=rf"{message}.*Received: 5"):
        loss_of(model, ITEMS, indices)
    with keras_attention.record_attention() as attention:
        model(ITEMS)
    mechanism = hard_attention(model)["look"].mechanism

    @tf.function(input_signature=[tf.TensorSpec((6,), "int64")])
    def loss(indices):
        return known_places.supervised_loss(
            mechanism, attention["look"], indices
        )

    assert loss(np.where(indices < 5, indices, -1)) > 0
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        loss(indices)


def test_an_item_that_can_not_be_chosen_counts_as_not_known():
    weights = np.array([[0.5, 0.5, 0.0]] * 2, "float32")
    loss = known_places.supervised_loss(
        layers.ItemWiseHardAttention(),
        {"attention_weights": tf.constant(weights)},
        np.array([1, 2]),
    )
    np.testing.assert_allclose(loss, np.log(2), rtol=1e-6)


def gradients(model, inputs, places):
    pretraining = models.PolicyPretraining(model)
    weights = [weight.value for weight in pretraining.trainable_weights]
    with tf.GradientTape() as tape:
        loss = pretraining.compute_loss(inputs, places, pretraining(inputs))
    return float(loss), tape.gradient(loss, weights)


@pytest.mark.parametrize(
    ("make", "inputs", "unknown"),
    [(look_at_images, IMAGES, PLACES * np.nan), (look_at_items, ITEMS, -1)],
)
def test_where_no_place_is_known_there_is_nothing_to_learn(
    make, inputs, unknown
):
    places = np.broadcast_to(unknown, np.shape(unknown) or 6)
    loss, found = gradients(make(), inputs, places)
    assert loss == 0
    for gradient in found:
        np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))


@pytest.mark.parametrize(
    ("make", "inputs", "places"),
    [
        (
            look_at_images,
            IMAGES,
            np.where([[1]] * 3 + [[0]] * 3, PLACES, np.nan),
        ),
        (look_at_items, ITEMS, np.array([3, 0, 2, -1, -1, -1])),
    ],
)
def test_an_example_without_a_place_has_no_influence(make, inputs, places):
    model = make()
    other = np.concatenate([inputs[:3], 1 - inputs[3:]])
    loss, found = gradients(model, inputs, places)
    other_loss, other_found = gradients(model, other, places)
    assert loss == other_loss
    for one, two in zip(found, other_found, strict=True):
        assert np.any(one != 0)
        np.testing.assert_array_equal(one, two)


def test_pretraining_learns_the_places_and_nothing_else():
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


def test_pretraining_learns_items():
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


def test_pretraining_trains_a_deviation_that_is_learned():
    policy = layers.GaussianLocationPolicy(0.3, learned_stddev=True)
    pretraining = models.PolicyPretraining(look_at_images(policy))
    pretraining.compile("sgd")
    pretraining.fit(IMAGES, PLACES, verbose=0)
    assert float(policy.stddev) != pytest.approx(0.3)


def test_a_file_keeps_the_pretraining(tmp_path):
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


@pytest.mark.parametrize(
    ("make", "inputs", "places", "text"),
    [
        (look_at_images, IMAGES, PLACES[:, 0], r"\(batch, 2\) or"),
        (look_at_images, IMAGES, np.zeros((6, 3, 2)), r"shape=\(6, 3, 2\)"),
        (look_at_images, IMAGES, np.zeros((6, 2), "int32"), "dtype=int32"),
        (look_at_items, ITEMS, np.zeros((6, 3), "int32"), r"shape=\(6, 3\)"),
        (look_at_items, ITEMS, np.zeros(6), r"\(batch\,\) or \(batch, 2\) int"),
        (look_at_items, ITEMS, np.zeros((6, 2, 1), "int32"), r"=\(6, 2, 1\)"),
    ],
)
def test_places_of_a_wrong_form_are_an_error(make, inputs, places, text):
    with pytest.raises(ValueError, match=text):
        loss_of(make(), inputs, places)


def supervised(supervision, make=look_at_images, **arguments):
    plain = make()
    model = models.ReinforceModel(
        plain.input, plain.output, supervision=supervision, **arguments
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


LABELS = np.arange(6) % 3
SOME = np.where([[1], [0]] * 3, PLACES, np.nan)


def test_fit_learns_labels_and_places_together():
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
    loss, _ = loss_of(model, IMAGES, SOME)
    assert history["val_supervised_loss"][-1] == pytest.approx(loss, rel=1e-5)
    # Without places it is evaluated as any model.
    evaluated = model.evaluate(IMAGES, LABELS, verbose=0, return_dict=True)
    assert evaluated["loss"] == pytest.approx(history["val_loss"][-1])


def test_without_places_no_supervised_loss_is_shown():
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


def test_until_sure_is_evaluated_with_places_too():
    model = supervised(0.5)
    sure = models.until_sure(model, 1.0)
    sure.compile(loss=model.loss, metrics=["accuracy"])
    shown = sure.evaluate(IMAGES, (LABELS, SOME), verbose=0, return_dict=True)
    plain = model.evaluate(IMAGES, LABELS, verbose=0, return_dict=True)
    assert shown == pytest.approx(plain, rel=1e-5)


def test_two_hard_layers_of_one_name_are_an_error():
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


@pytest.mark.parametrize("num_samples", [1, 3])
def test_supervision_adds_its_gradient_to_the_policy_alone(num_samples):
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


def test_training_with_supervision_needs_places():
    model = supervised(0.5)
    with pytest.raises(ValueError, match=r"`\(labels, places\)`.*Received"):
        model.fit(IMAGES, LABELS, verbose=0)


@pytest.mark.parametrize("supervision", [-0.1, "much", float("nan")])
def test_a_weight_below_0_is_an_error(supervision):
    with pytest.raises(ValueError, match="`supervision` must be a number"):
        supervised(supervision)


def test_padding_does_not_count():
    look = layers.RecurrentAttention(
        layers.GlimpseCell(4), return_sequences=True, name="look"
    )
    video = np.random.default_rng(0).random((2, 3, 9, 9, 1), "float32")
    mask = np.array([[True, True, True], [True, False, False]])
    with keras_attention.record_attention() as attention:
        look(video, mask=mask)
    everywhere = np.full((2, 3, 2), 0.7, "float32")
    in_view = np.where(mask[..., None], everywhere, np.nan)
    losses = [
        known_places.supervised_loss(
            look.cell.mechanism, attention["look"], places
        )
        for places in (everywhere, in_view)
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)


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
