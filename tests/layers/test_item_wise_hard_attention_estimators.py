"""Items that back-propagation trains: straight through, or relaxed."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

import keras_attention
from keras_attention import layers

GENERATOR = np.random.default_rng(0)
ITEMS = GENERATOR.normal(size=(3, 5, 4)).astype("float32")
QUERY = GENERATOR.normal(size=(3, 4)).astype("float32")
MASK = np.array([[1, 1, 0, 1, 0], [0] * 5, [0, 0, 1, 0, 0]], bool)
SOFT = ("straight_through", "relaxed")
both = pytest.mark.parametrize("estimator", SOFT)
every_form = pytest.mark.parametrize("form", ["gather", "zero"])


def make(estimator, **arguments):
    return layers.ItemWiseHardAttention(
        **{"units": 4, "seed": 1, "estimator": estimator, **arguments}
    )


def alike(first, second, items=ITEMS, query=QUERY):
    """Gives a second layer the scores of a first one; builds both."""
    first(items, query), second(items, query)
    second.score.set_weights(first.score.get_weights())
    return first, second


def biased(estimator, bias, **arguments):
    """A layer whose scores are the bias, whatever the query."""
    layer = make(estimator, score="state", **arguments)
    layer.build((None, len(bias), 1), (None, 2))
    layer.score.of_query.set_weights([np.zeros((2, len(bias))), bias])
    return layer


def gradient_of(layer, loss, values, many):
    """The mean gradient of a loss to the bias, in one call of many examples."""
    items = np.tile(np.reshape(values, (1, -1, 1)), (many, 1, 1))
    with tf.GradientTape() as tape:
        read = layer(items, np.zeros((many, 2)), training=True)
        value = tf.reduce_mean(loss(read[:, 0, 0]))
    return tape.gradient(value, layer.score.of_query.bias).numpy()


@every_form
@pytest.mark.parametrize("k", [1, 2])
def test_straight_through_reads_exactly_what_the_score_function_reads(form, k):
    arguments = {"num_items": k, "replacement": k > 1, "output": form}
    pair = make("score_function", **arguments), make(SOFT[0], **arguments)
    results = [
        layer(ITEMS, QUERY, training=True, return_attention=True)
        for layer in alike(*pair)
    ]
    (read, attention), (same_read, same) = results
    np.testing.assert_array_equal(same_read, read)
    assert attention.keys() - same.keys() == {"log_prob"}
    for name, value in same.items():
        np.testing.assert_array_equal(value, attention[name])


def relaxed_by_hand(layer, query, noise):
    """r in float64, for the score of `biased` layers and any noise."""
    bias = layer.score.of_query.bias.numpy().astype("float64")
    noisy = bias / layer.temperature + noise
    return scipy.special.softmax(noisy / layer.initial_relaxation_temperature)


@both
@every_form
def test_its_gradient_is_that_of_the_relaxed_items(estimator, form):
    bias = np.array([0.8, -0.3, 0.1])
    layer = biased(estimator, bias, output=form, temperature=2.0)
    items = tf.constant(GENERATOR.normal(size=(1, 3, 1)), "float32")
    noise = np.array([[0.3, 1.4, -0.2]], "float32")
    query, upstream = tf.zeros((1, 2)), np.array([1.0, -2.0, 0.5])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(items)
        read, attention = layer.attend(
            layer.prepare(items), query, choices={"noise": noise}
        )
        rows = 3 if form == "zero" else 1
        loss = tf.reduce_sum(read[0, :, 0] * upstream[:rows])
    r = relaxed_by_hand(layer, query, noise[0])
    a = items.numpy()[0, :, 0].astype("float64")
    jacobian = (np.diag(r) - np.outer(r, r)) / (0.5 * 2.0)
    to_r = a * (upstream if form == "zero" else upstream[0])
    np.testing.assert_allclose(
        tape.gradient(loss, layer.score.of_query.bias),
        jacobian @ to_r,
        atol=1e-5,
    )
    assert attention["indices"].numpy().item() == np.argmax(r)
    weights = np.eye(3)[np.argmax(r)] if estimator == SOFT[0] else r
    expected = weights * a if form == "zero" else [weights @ a]
    np.testing.assert_allclose(read[0, :, 0], expected, atol=1e-6)
    to_items = weights * (upstream if form == "zero" else upstream[0])
    np.testing.assert_allclose(
        tape.gradient(loss, items)[0, :, 0], to_items, atol=1e-6
    )


def expected_relaxed_loss(d, temperature, values):
    """E of the squared relaxed read of two items, d = e_0 - e_1."""
    logistic = scipy.special.logit((np.arange(200_000) + 0.5) / 200_000)
    first = scipy.special.expit((d + logistic) / temperature)
    return np.mean((first * values[0] + (1 - first) * values[1]) ** 2)


def test_the_relaxed_gradient_is_unbiased_for_its_own_loss_only():
    values, h = (1.0, -1.0), 1e-4  # the square of every item is 1
    layer = biased("relaxed", np.array([1.0, 0.0]), relaxation_temperature=0.8)
    sampled = gradient_of(layer, tf.square, values, 100_000)
    own = [expected_relaxed_loss(1.0 + step, 0.8, values) for step in (h, -h)]
    own = (own[0] - own[1]) / (2 * h)
    np.testing.assert_allclose(sampled, [own, -own], atol=0.01)
    assert own > 0.05  # of the loss of choices it is 0


def test_the_straight_through_gradient_is_biased_as_its_definition_says():
    values = np.array([1.0, -1.0])  # the square of every item is 1
    layer = biased("straight_through", np.array([1.0, 0.0]))
    sampled = gradient_of(layer, tf.square, values, 100_000)
    logistic = scipy.special.logit((np.arange(200_000) + 0.5) / 200_000)
    r = scipy.special.expit((1.0 + logistic) / 0.5)
    read = np.where(logistic > -1.0, *values)
    by_definition = np.mean(2 * read * r * (1 - r) / 0.5 * (1.0 + 1.0))
    np.testing.assert_allclose(
        sampled, [by_definition, -by_definition], atol=0.02
    )
    assert by_definition > 0.05  # of the loss of choices it is 0


@both
def test_items_that_were_not_sampled_are_hard_and_without_gradient(estimator):
    hard, layer = alike(make("score_function"), make(estimator))
    scopes = ({"name": "center"}, {"name": "mode"}, {"indices": [3]})
    for given in (*scopes, {"name": "random"}):
        with keras_attention.policy(**given), tf.GradientTape() as tape:
            read, attention = layer(
                ITEMS, QUERY, training=True, return_attention=True
            )
        assert "log_prob" not in attention
        chosen = tf.gather(ITEMS, attention["indices"], batch_dims=1)
        np.testing.assert_array_equal(read, chosen)
        weights = layer.trainable_variables
        assert all(g is None for g in tape.gradient(read, weights))
    np.testing.assert_array_equal(layer(ITEMS, QUERY), hard(ITEMS, QUERY))


@both
@every_form
def test_masked_items_and_scores_that_are_no_numbers_take_no_part(
    estimator, form
):
    items = ITEMS.copy()
    items[0, 2] = np.nan  # masked; a third has a score of minus infinity
    layer = make(
        estimator, output=form, score="state", relaxation_temperature=5.0
    )
    layer(items, QUERY)
    layer.score.of_query.bias.assign([0.0, 0.0, 0.0, -np.inf, 0.0])
    with tf.GradientTape() as tape:
        read, attention = layer(
            items, QUERY, mask=MASK, training=True, return_attention=True
        )
        loss = tf.reduce_sum(tf.square(read))
    assert set(attention["indices"].numpy()[0]) <= {0, 1}
    np.testing.assert_array_equal(attention["indices"][1], [-1])
    np.testing.assert_array_equal(read[1], np.zeros_like(read[1]))
    row = 2 if form == "zero" else 0
    np.testing.assert_allclose(read[2, row], items[2, 2], rtol=1e-6)
    for gradient in (loss, *tape.gradient(loss, layer.trainable_variables)):
        assert np.all(np.isfinite(gradient))


@both
def test_the_temperature_is_a_weight_that_a_file_keeps(estimator, tmp_path):
    items, query = keras.Input((5, 4)), keras.Input((4,))
    layer = make(estimator, name="look")
    model = keras.Model([items, query], layer(items, query))
    assert layer.relaxation_temperature.numpy() == 0.5
    assert not layer.relaxation_temperature.trainable
    with keras_attention.policy("sample"):
        layer.relaxation_temperature.assign(20.0)
        hot = layer(ITEMS, QUERY)
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        assert again.get_layer("look").relaxation_temperature.numpy() == 20
        if estimator == "relaxed":  # nearly the mean of all
            np.testing.assert_allclose(hot[:, 0], ITEMS.mean(axis=1), atol=0.25)
        np.testing.assert_allclose(
            again([ITEMS, QUERY]), model([ITEMS, QUERY]), atol=1e-6
        )


def twins(mechanism):
    """The same loop, unrolled and not."""
    core = keras.layers.SimpleRNNCell(4)
    cell = layers.AttentionCell(mechanism, core)
    look, pair = layers.RecurrentAttention(cell, num_glimpses=2), []
    for unroll in (True, False):
        config = {**look.get_config(), "unroll": unroll}
        pair.append(layers.RecurrentAttention.from_config(config))
        pair[-1].build((None, *ITEMS.shape[1:]))
        pair[-1].set_weights(pair[0].get_weights())
    return pair


def gradients_of(look, items):
    with tf.GradientTape() as tape:
        read = look(items, training=True)
        loss = tf.reduce_sum(tf.square(read))
    return read, *tape.gradient(loss, look.trainable_variables)


@both
def test_a_loop_has_the_gradients_of_its_steps_one_by_one(estimator):
    unrolled, loop = twins(make(estimator, score="state", expectation_rate=0.5))
    run = tf.function(
        lambda items: gradients_of(loop, items), [tf.TensorSpec((None, 5, 4))]
    )
    by_hand = gradients_of(unrolled, ITEMS)
    for one, other in zip(run(ITEMS), by_hand, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
        assert np.any(other != 0)


def test_xla_compiles_a_loop_over_any_batch():
    _, loop = twins(
        make("straight_through", score="state", expectation_rate=0.5)
    )
    shape = tf.TensorSpec((None, 5, 4))
    for value in tf.function(
        lambda items: gradients_of(loop, items), [shape], jit_compile=True
    )(ITEMS):
        assert np.all(np.isfinite(value))
        assert np.any(value != 0)


@both
def test_fit_of_a_plain_model_trains_the_scores(estimator):
    x = GENERATOR.normal(size=(128, 4, 3)).astype("float32")
    items = keras.Input((4, 3))
    look = make(estimator, units=8)
    model = keras.Model(items, look(items)[:, 0, :1])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    model.fit(x, np.full((128, 1), 3.0), batch_size=128, epochs=20, verbose=0)
    _, attention = look(x, return_attention=True)
    hit = attention["indices"][:, 0] == np.argmax(x[..., 0], axis=1)
    assert np.mean(hit) > 0.9  # 0.25 by chance


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"estimator": "reinforce"},
            "`estimator` must be one of 'score_function', 'straight_through', "
            "'relaxed'.*='reinforce'",
        ),
        (
            {"estimator": "relaxed", "num_items": 2},
            '"relaxed" is not defined for several distinct.*num_items=2',
        ),
        (
            {"estimator": "straight_through", "num_items": 3},
            '"straight_through".*`replacement=True`.*num_items=3',
        ),
        (
            {"relaxation_temperature": 0},
            "`relaxation_temperature` must be positive.*temperature=0",
        ),
        ({"expectation_rate": 1.5}, "from 0 to 1.*expectation_rate=1.5"),
        ({"expectation_rate": "half"}, "from 0 to 1.*='half'"),
        (
            {"expectation_rate": 0.5, "num_items": 2, "replacement": True},
            "`expectation_rate` needs `num_items=1`.*num_items=2",
        ),
    ],
)
def test_options_that_do_not_go_together_are_an_error(options, message):
    with pytest.raises(ValueError, match=message):
        layers.ItemWiseHardAttention(**options)
