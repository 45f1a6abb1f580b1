"""Policy gradients against the exact ones, of which there are few terms.

A model chooses among three items, once or three times. Every outcome is
forced, its probability is the product of the attention weights of what was
chosen, and the exact gradient is that of the sum over outcomes of probability
times reward. Nothing here knows how the package estimates it.
"""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models
from keras_attention.models.returns_baseline import MovingAverageBaseline

ITEMS = np.random.default_rng(5).normal(size=(4, 3, 2)).astype("float32")
NO_MASK = np.ones((4, 3), "bool")


def no_loss(y_true, y_pred):
    """Leaves the gradients of the policy and of the baseline."""
    return 0.0 * tf.reduce_sum(y_pred, axis=-1)


@keras.saving.register_keras_serializable("tests")
def first_score(y_true, y_pred):
    """Differs from outcome to outcome; (B,), or (B, T) along a sequence."""
    return y_pred[..., 0]


def probability_of_first(y_true, y_pred):
    return tf.nn.softmax(y_pred)[..., 0]


def make_model(
    num_steps=1,
    num_items=1,
    dense=False,
    again=True,
    loss=no_loss,
    reward=first_score,
    **arguments,
):
    mechanism = layers.ItemWiseHardAttention(num_items, units=4, seed=11)
    items, mask = keras.Input((3, 2)), keras.Input((3,), dtype="bool")
    cell = layers.AttentionCell(
        mechanism, keras.layers.SimpleRNNCell(4), inhibition_of_return=not again
    )
    look = layers.RecurrentAttention(
        cell, num_steps, return_sequences=dense, name="look"
    )
    scores = keras.layers.Dense(2)(look(items, mask=mask))
    model = models.ReinforceModel(
        [items, mask], scores, reward=reward, **arguments
    )
    model.compile("sgd", loss)
    randomize(model)
    return model


def make_layer_alone(**arguments):
    items, mask = keras.Input((3, 2)), keras.Input((3,), dtype="bool")
    chosen = layers.ItemWiseHardAttention(units=4, name="look")(
        items, mask=mask
    )
    scores = keras.layers.Dense(2)(keras.layers.Flatten()(chosen))
    model = models.ReinforceModel(
        [items, mask], scores, reward=first_score, **arguments
    )
    model.compile("sgd", no_loss)
    randomize(model)
    return model


def randomize(model):
    """Far from even choices, and a baseline that is neither 0 nor right."""
    generator = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(generator.normal(size=weight.shape))


def weights_of(model):
    """Of the loop: those that a policy gradient reaches."""
    return [w.value for w in model.get_layer("look").trainable_weights]


def gradient(tape, value, weights):
    """A flat tensor."""
    found = tape.gradient(value, weights, unconnected_gradients="zero")
    return tf.concat([tf.reshape(one, (-1,)) for one in found], axis=0)


def every_outcome(num_steps, num_items):
    draws = [*itertools.permutations(range(3), num_items)]
    return np.array([*itertools.product(draws, repeat=num_steps)])


def probability_of(attention_weights, outcomes):
    """Of k items one after the other from what is left, at every step."""
    probability, taken = 1.0, 0.0
    for draw in range(outcomes.shape[-1]):
        alpha = tf.gather(attention_weights, outcomes[..., draw], batch_dims=2)
        probability *= tf.math.divide_no_nan(alpha, 1 - taken)
        taken += alpha
    return tf.reduce_prod(probability, axis=1)


def enumerated(model, num_steps, num_items=1, mask=NO_MASK):
    """All outcomes: their probabilities, scores, and the exact gradient."""
    outcomes = every_outcome(num_steps, num_items)
    inputs = [np.repeat(x, len(outcomes), axis=0) for x in (ITEMS, mask)]
    outcomes = np.tile(outcomes, (len(ITEMS), 1, 1))
    with (
        tf.GradientTape() as tape,
        keras_attention.policy(indices=outcomes),
        keras_attention.record_attention() as attention,
    ):
        scores = model(inputs)
        reward = tf.stop_gradient(model.reward(None, scores))
        if len(reward.shape) == 2:
            reward = tf.reduce_sum(reward, axis=1)
        alpha = attention["look"]["attention_weights"]
        if len(alpha.shape) == 2:
            alpha = alpha[:, None]
        probability = probability_of(alpha, outcomes)
        expected = tf.reduce_sum(probability * reward) / len(ITEMS)
    np.testing.assert_allclose(tf.reduce_sum(probability), 4, rtol=1e-5)
    exact = gradient(tape, expected, weights_of(model)).numpy()
    return probability.numpy(), scores.numpy(), exact


def sampler(model):
    """A function from a number of rows to the mean of their gradients."""
    weights = weights_of(model)
    num_samples = model.num_samples

    @tf.function(input_signature=[tf.TensorSpec((), "int32")])
    def sampled(count):
        times = (count // (len(ITEMS) * num_samples), 1, 1)
        inputs = tf.tile(ITEMS, times), tf.tile(NO_MASK, times[:2])
        with tf.GradientTape() as tape:
            scores = model(inputs, training=True)
            labels = tf.zeros(count // num_samples)
            loss = model.compute_loss(y=labels, y_pred=scores)
        # Of a loss, which falls as the reward rises.
        return -gradient(tape, loss, weights)

    return lambda count: sampled(count).numpy()


def exact_by_the_model(model, mask=NO_MASK, labels=None):
    """The gradient that training takes, in one batch, and the loss."""
    with tf.GradientTape() as tape:
        scores = model([ITEMS, mask], training=True)
        loss = model.compute_loss(
            y=np.zeros(4) if labels is None else labels, y_pred=scores
        )
    return -gradient(tape, loss, weights_of(model)).numpy(), float(loss)


def error(gradients, exact):
    """Root mean square, relative."""
    errors = np.linalg.norm(np.array(gradients) - exact, axis=1)
    return np.sqrt(np.mean(errors**2)) / np.linalg.norm(exact)


def cosine(one, other):
    return one @ other / (np.linalg.norm(one) * np.linalg.norm(other))


BASELINES = {
    "none": {},
    "learned": {},
    "moving_average": {},
    "batch_mean": {},
    "leave_one_out": {"num_samples": 4},
}


# Those of earlier batches and of other examples know nothing of steps: one
# case of several steps, with the rewards dense, is enough for them.
@pytest.mark.parametrize(
    ("num_steps", "dense", "baseline"),
    [
        *itertools.product([1], [False], BASELINES),
        *itertools.product([3], [True], BASELINES),
        (3, False, "learned"),
        (3, False, "leave_one_out"),
    ],
)
def test_sampled_gradients_are_on_average_the_exact_one(
    num_steps, dense, baseline
):
    model = make_model(
        num_steps, dense=dense, baseline=baseline, **BASELINES[baseline]
    )
    *_, exact = enumerated(model, num_steps)
    sample = sampler(model)
    of_few = [sample(48) for _ in range(100)]
    of_many = [sample(16 * 48) for _ in range(100)]
    mean = np.mean(of_many, axis=0)
    assert cosine(mean, exact) > 0.99
    # A fourth at 16 times as many; a bias would stay as it is.
    assert 3 < error(of_few, exact) / error(of_many, exact) < 5.3
    # A tenth of it is left by chance.
    assert error([mean], exact) < error(of_many, exact) / 3


def test_leave_one_out_halves_the_variance():
    """Of a reward that, as most, is not around 0."""

    def variance(baseline):
        model = make_model(
            3, reward=probability_of_first, baseline=baseline, num_samples=4
        )
        *_, exact = enumerated(model, 3)
        sample = sampler(model)
        return error([sample(64) for _ in range(100)], exact) ** 2

    assert variance("leave_one_out") < variance("none") / 2


@pytest.mark.parametrize(
    ("num_steps", "num_items", "dense"),
    [(1, 1, False), (3, 1, False), (3, 1, True), (1, 2, False), (2, 2, True)],
)
def test_the_exact_sum_is_the_sum_over_outcomes(num_steps, num_items, dense):
    model = make_model(num_steps, num_items, dense, estimator="exact")
    *_, exact = enumerated(model, num_steps, num_items)
    found, _ = exact_by_the_model(model)
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-6)


def test_a_baseline_does_not_change_the_exact_sum():
    model = make_model(2, estimator="exact", baseline="none")
    *_, exact = enumerated(model, 2)
    found, _ = exact_by_the_model(model)
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("again", [True, False])
def test_the_exact_sum_is_over_the_items_that_can_be_chosen(again):
    mask = NO_MASK.copy()
    mask[1, 0] = mask[2, 1] = False
    model = make_model(2, again=again, estimator="exact")
    *_, exact = enumerated(model, 2, mask=mask)
    found, _ = exact_by_the_model(model, mask)
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-6)


def test_a_layer_alone_has_an_exact_sum():
    model = make_layer_alone(estimator="exact")
    *_, exact = enumerated(model, 1)
    found, _ = exact_by_the_model(model)
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-6)


def crossentropy(**arguments):
    return keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, **arguments
    )


def test_the_compiled_loss_is_the_expectation():
    model = make_model(2, loss=crossentropy(), estimator="exact")
    probability, scores, _ = enumerated(model, 2)
    labels = np.array([0, 1, 1, 0])
    of_each = crossentropy(reduction=None)(np.repeat(labels, 9), scores)
    _, loss = exact_by_the_model(model, labels=labels)
    assert loss == pytest.approx(np.sum(probability * of_each) / 4, rel=1e-5)
    np.testing.assert_allclose(
        model.reward_tracker.result(),
        np.sum(probability * first_score(None, scores)) / 4,
        rtol=1e-5,
    )


def test_compiled_metrics_are_of_the_most_probable_outcome():
    model = make_model(2, estimator="exact")
    model.compile("sgd", crossentropy(), metrics=["accuracy"])
    probability, scores, _ = enumerated(model, 2)
    best = probability.reshape(4, 9).argmax(axis=1)
    chosen = scores.reshape(4, 9, 2)[np.arange(4), best].argmax(axis=1)
    labels = np.array([0, 1, 1, 0])
    history = model.fit([ITEMS, NO_MASK], labels, verbose=0).history
    assert history["accuracy"] == [np.mean(chosen == labels)]


def test_fit_with_the_exact_sum_makes_the_reward_greater():
    model = make_model(2, estimator="exact")
    # The policy alone: the rewards of outcomes stay what they are.
    model.layers[-1].trainable = False
    model.get_layer("look").cell.cell.trainable = False
    model.compile(keras.optimizers.Adam(0.3), no_loss)
    history = model.fit(
        [ITEMS, NO_MASK], np.zeros(4), epochs=15, verbose=0
    ).history
    _, scores, _ = enumerated(model, 2)
    best = scores[:, 0].reshape(4, 9).max(axis=1).mean()
    missing = best - history["reward"]
    assert missing[-1] < 0.3 * missing[0]


def test_its_config_keeps_the_estimator():
    model = make_model(estimator="exact", supervision=0.5)
    again = models.ReinforceModel.from_config(model.get_config())
    assert (again.estimator, again.supervision) == ("exact", 0.5)


def test_too_many_outcomes_are_an_error():
    with pytest.raises(ValueError, match=r"at most 4096.*6561 outcomes of 1"):
        make_model(8, estimator="exact")


def test_places_have_no_exact_sum():
    images = keras.Input((9, 8, 1))
    state = layers.RecurrentAttention(layers.GlimpseCell(4), 2)(images)
    with pytest.raises(ValueError, match=r'"score_function"` for places'):
        models.ReinforceModel(images, state, estimator="exact")


@pytest.mark.parametrize("estimator", ["straight_through", "score_function"])
def test_outcomes_are_forced_on_one_layer(estimator):
    items = keras.Input((3, 2))
    first = layers.ItemWiseHardAttention(units=4, name="first")
    other = layers.ItemWiseHardAttention(
        units=4, estimator=estimator, name="other"
    )
    scores = keras.layers.Flatten()(first(other(items)))
    with pytest.raises(ValueError, match="'other', 'first'"):
        models.ReinforceModel(items, scores, estimator="exact")


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_samples": 4},
        {"baseline": "batch_mean"},
        {"baseline": "moving_average"},
        {"baseline": "leave_one_out"},
        {"baseline": MovingAverageBaseline()},
    ],
)
def test_the_exact_sum_samples_nothing(arguments):
    with pytest.raises(ValueError, match=r"nothing is sampled.*Received"):
        make_model(estimator="exact", **arguments)


@pytest.mark.parametrize(
    ("mechanism", "visits", "message"),
    [
        ({"expectation_rate": 0.5}, True, r"Received: expectation_rate=0.5"),
        (
            {"num_items": 2, "replacement": True},
            False,
            "leave out `replacement`.*num_items=2",
        ),
    ],
)
def test_some_hard_attention_has_no_exact_sum(mechanism, visits, message):
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(units=4, **mechanism),
        keras.layers.SimpleRNNCell(4),
        inhibition_of_return=not visits,
    )
    items = keras.Input((3, 2))
    state = layers.RecurrentAttention(cell, 2)(items)
    with pytest.raises(ValueError, match=message):
        models.ReinforceModel(items, state, estimator="exact")


def test_compiled_metrics_of_the_exact_sum_leave_padding_out():
    videos = keras.Input((2, 3, 2))
    mask = keras.layers.Lambda(lambda x: keras.ops.any(x != 0, axis=(2, 3)))
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(units=4), keras.layers.SimpleRNNCell(4)
    )
    look = layers.RecurrentAttention(cell, return_sequences=True)
    state = look(videos, mask=mask(videos))
    always_0 = keras.layers.Dense(
        2, kernel_initializer="zeros", bias_initializer="zeros"
    )(state)
    model = models.ReinforceModel(
        videos, always_0, reward=first_score, estimator="exact"
    )
    model.compile("sgd", crossentropy(), metrics=["accuracy"], run_eagerly=True)
    x = np.random.default_rng(0).normal(size=(4, 2, 3, 2))
    x[:3, 1] = 0
    labels = np.array([[0, 1], [0, 1], [0, 1], [0, 0]])  # wrong in padding
    history = model.fit(x, labels, verbose=0).history
    assert history["accuracy"] == [1.0]


def test_an_unknown_estimator_is_an_error():
    with pytest.raises(ValueError, match=r"`estimator`.*'best'"):
        make_model(estimator="best")
