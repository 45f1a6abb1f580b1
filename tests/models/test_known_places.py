"""The loss of known places, against SciPy and by hand."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import keras_attention
from keras_attention import layers
from keras_attention.models import known_places
from keras_attention.models.hard_attention import hard_attention

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.random((6, 9, 8, 1)).astype("float32")
PLACES = GENERATOR.uniform(-0.8, 0.8, (6, 2)).astype("float32")
ITEMS = GENERATOR.normal(size=(6, 5, 3)).astype("float32")


@pytest.fixture
def choose_alone():
    """Makes a model with hard attention outside a loop."""

    def make():
        items = keras.Input((5, 3))
        chosen = layers.ItemWiseHardAttention(units=4, name="look")(items)
        return keras.Model(items, keras.layers.Flatten()(chosen))

    return make


def test_of_gaussian_places_it_is_the_negative_log_density(
    look_at_images, supervised_loss_of
):
    model = look_at_images()
    places = np.stack([PLACES, PLACES[::-1]], axis=1)  # one for each step
    loss, attention = supervised_loss_of(model, IMAGES, places)
    density = scipy.stats.norm(attention["location_mean"], 0.3).logpdf(places)
    np.testing.assert_allclose(loss, -density.sum(axis=-1).mean(), rtol=1e-5)


def test_of_a_grid_it_is_the_cross_entropy_of_the_cell(
    look_at_images, supervised_loss_of
):
    model = look_at_images(layers.GridLocationPolicy(2, 3))
    network = hard_attention(model)["look"].mechanism.location_network
    network.bias.assign(GENERATOR.normal(size=6))
    places = np.tile(np.array([0.9, -0.1], "float32"), (6, 1))  # cell 2
    loss, attention = supervised_loss_of(model, IMAGES, places)
    scores = attention["query"].numpy() @ network.kernel + network.bias
    by_hand = -scipy.special.log_softmax(scores, axis=-1)[..., 2].mean()
    np.testing.assert_allclose(loss, by_hand, rtol=1e-5)


@pytest.mark.parametrize("make", ["look_at_items", "choose_alone"])
def test_of_items_it_is_the_cross_entropy(request, make, supervised_loss_of):
    indices = np.array([4, -1, 0, 2, -1, 3])
    model = request.getfixturevalue(make)()
    loss, attention = supervised_loss_of(model, ITEMS, indices)
    weights = np.reshape(attention["attention_weights"], (6, -1, 5))
    known = indices >= 0
    chosen = weights[known, :, indices[known]]
    np.testing.assert_allclose(loss, -np.log(chosen).mean(), rtol=1e-5)


def test_steps_and_examples_that_are_not_known_do_not_count(
    look_at_images, supervised_loss_of
):
    model = look_at_images()
    places = np.stack([PLACES, PLACES], axis=1)
    places[1:, 1] = np.nan
    places[4:] = np.nan
    loss, attention = supervised_loss_of(model, IMAGES, places)
    density = scipy.stats.norm(attention["location_mean"], 0.3).logpdf(places)
    by_hand = -np.nansum(density) / 5
    np.testing.assert_allclose(loss, by_hand, rtol=1e-5)


def test_sample_weights_weigh(look_at_images, supervised_loss_of):
    model, weights = look_at_images(), np.arange(6.0)
    loss, attention = supervised_loss_of(model, IMAGES, PLACES, weights)
    density = scipy.stats.norm(attention["location_mean"], 0.3).logpdf(
        PLACES[:, None]
    )
    by_hand = -(density.sum(axis=-1) * weights[:, None]).mean()
    np.testing.assert_allclose(loss, by_hand, rtol=1e-5)


@pytest.mark.parametrize("shape", [(6, 1), (6, 2)])
def test_weights_are_of_examples_or_of_their_steps(
    look_at_images, supervised_loss_of, shape
):
    model, weights = look_at_images(), np.arange(np.prod(shape)).reshape(shape)
    loss, attention = supervised_loss_of(model, IMAGES, PLACES, weights)
    density = scipy.stats.norm(attention["location_mean"], 0.3).logpdf(
        PLACES[:, None]
    )
    by_hand = -(density.sum(axis=-1) * weights).mean()
    np.testing.assert_allclose(loss, by_hand, rtol=1e-5)


@pytest.mark.parametrize("shape", [(), (6, 3), (6, 2, 1)])
def test_weights_of_another_shape_are_an_error(
    look_at_images, supervised_loss_of, shape
):
    with pytest.raises(ValueError, match=r"\(batch, 2\).*sample_weight.shape="):
        supervised_loss_of(look_at_images(), IMAGES, PLACES, np.ones(shape))


@pytest.mark.parametrize("make", ["look_at_items", "choose_alone"])
def test_an_item_that_there_is_not_is_an_error(
    request, make, supervised_loss_of
):
    model = request.getfixturevalue(make)()
    indices = np.array([4, -1, 0, 5, 1, 3])
    message = "below 5, the number of items"
    with pytest.raises(ValueError, match=rf"{message}.*Received: 5"):
        supervised_loss_of(model, ITEMS, indices)
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


def test_a_soft_layer_with_the_name_of_a_second_call_is_not_taught():
    items = keras.Input((5, 3))
    hard = layers.ItemWiseHardAttention(units=4, name="look")
    soft = layers.ItemWiseSoftAttention(units=4, name="look_1")
    read = soft(items)
    model = keras.Model(items, [hard(items), read, hard(read[:, None])])
    with keras_attention.record_attention() as attention:
        model(ITEMS)
    assert set(attention) == {"look", "look_1", "look_2"}
    assert known_places.taught(model, attention) == {
        "look": hard,
        "look_2": hard,
    }


def test_a_record_that_may_be_of_either_of_two_layers_is_an_error():
    items = keras.Input((5, 3))
    first = layers.ItemWiseHardAttention(units=4, name="look")
    other = layers.ItemWiseHardAttention(units=4, name="look_1")
    read = first(items)
    model = keras.Model(items, other(first(read)))
    with keras_attention.record_attention() as attention:
        model(ITEMS)
    assert set(attention) == {"look", "look_1", "look_1_1"}
    with pytest.raises(ValueError, match="'look_1' .* another `name`"):
        known_places.taught(model, attention)


@pytest.mark.parametrize(
    ("make", "inputs", "places", "text"),
    [
        ("look_at_images", IMAGES, PLACES[:, 0], r"\(batch, 2\) or"),
        ("look_at_images", IMAGES, np.zeros((6, 3, 2)), r"shape=\(6, 3, 2\)"),
        ("look_at_images", IMAGES, np.zeros((6, 2), "int32"), "dtype=int32"),
        ("look_at_items", ITEMS, np.zeros((6, 3), "int32"), r"shape=\(6, 3\)"),
        (
            "look_at_items",
            ITEMS,
            np.zeros(6),
            r"\(batch\,\) or \(batch, 2\) int",
        ),
        ("look_at_items", ITEMS, np.zeros((6, 2, 1), "int32"), r"=\(6, 2, 1\)"),
    ],
)
def test_places_of_a_wrong_form_are_an_error(
    request, make, inputs, places, text, supervised_loss_of
):
    model = request.getfixturevalue(make)()
    with pytest.raises(ValueError, match=text):
        supervised_loss_of(model, inputs, places)


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
