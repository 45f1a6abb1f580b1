"""Places that back-propagation trains, through the sample and the crop."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_attention
from keras_attention import layers, ops

SIDE = np.linspace(-1, 1, 24, dtype="float32")
# Smooth, so that a step of a difference crosses no corner.
IMAGE = np.sin(3 * SIDE[:, None] + 1) * np.cos(4 * SIDE[None]) + SIDE[None]
IMAGES = np.stack([IMAGE, IMAGE[::-1]])[..., None].astype("float32")
BOUNDS = pytest.mark.parametrize("bound", ["clip", "truncate"])


def make(estimator="pathwise", network=None, sensor=4, **policy):
    policy = {"stddev": 0.4, "seed": 1, "learned_stddev": True, **policy}
    return layers.LocationWiseHardAttention(
        sensor,
        network or keras.layers.Identity(),
        layers.GaussianLocationPolicy(**policy),
        estimator,
    )


def loss_of(glimpse):
    """Of each example."""
    return tf.reduce_mean(tf.square(glimpse[:, :, :, 0] - 0.3), axis=(1, 2))


@BOUNDS
def test_the_gradient_is_that_of_differences_with_the_noise_held(bound):
    look = make(bound=bound, stddev=[0.4, 0.3])
    look.build((2, 24, 24, 1), (2, 2))
    policy, step = look.location_policy, 1e-2
    mean = np.array([[0.3, -0.4], [-0.6, 0.1]], "float32")
    # The second example is clipped in y, where the bound clips.
    noise = np.array([[0.5, -0.8], [-0.3, 4.0]], "float32")

    def run(mean, stddev=(0.4, 0.3)):
        policy.stddev.assign(stddev)
        glimpse, attention = look.attend(
            IMAGES, tf.constant(mean), choices={"noise": noise}
        )
        return glimpse, attention

    def location(mean, stddev=(0.4, 0.3)):
        return run(mean, stddev)[1]["location"].numpy().astype("float64")

    query = tf.constant(mean)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(query)
        location_now = run(query)[1]["location"]
        total = tf.reduce_sum(location_now)
    to_mean = tape.gradient(total, query).numpy()
    to_stddev = tape.gradient(total, policy.stddev).numpy()
    for axis in (0, 1):
        h = step * np.eye(2, dtype="float32")[axis]
        moved = (location(mean + h) - location(mean - h)) / (2 * step)
        np.testing.assert_allclose(
            to_mean[:, axis], moved.sum(axis=1), atol=2e-3
        )
        wide = np.array([0.4, 0.3]) + h, np.array([0.4, 0.3]) - h
        moved = (location(mean, wide[0]) - location(mean, wide[1])).sum()
        np.testing.assert_allclose(
            to_stddev[axis], moved / (2 * step), atol=5e-3
        )
    assert (to_mean[1, 1] == 0) == (bound == "clip")


def chances(mean, stddev, bound, edges):
    """Of each cell between the edges, and of both ends where it clips."""
    if bound == "truncate":
        low, high = (-1 - mean) / stddev, (1 - mean) / stddev
        inside = np.diff(stats.truncnorm.cdf(edges, low, high, mean, stddev))
        return np.concatenate([[0], inside, [0]])
    inside = np.diff(stats.norm.cdf(edges, mean, stddev))
    ends = stats.norm.cdf([-1, 1], mean, stddev)
    return np.concatenate([[ends[0]], inside, [1 - ends[1]]])


def exact_gradient(mean, stddev, bound):
    """Of the expected loss to mean and deviation, by integration."""
    edges = np.linspace(-1, 1, 97)
    along = np.concatenate([[-1], (edges[1:] + edges[:-1]) / 2, [1]])
    places = np.stack(np.meshgrid(along, along), axis=-1).reshape(-1, 2)
    images = np.repeat(IMAGES[:1], len(places), axis=0)
    losses = loss_of(ops.glimpse(images, places.astype("float32"), 4))
    losses = losses.numpy().astype("float64").reshape(98, 98)

    def expected(x, y, stddev):
        of_x = chances(x, stddev, bound, edges)
        return chances(y, stddev, bound, edges) @ losses @ of_x

    start, h = np.array([*mean, stddev]), 1e-4
    return np.array(
        [
            (expected(*(start + d)) - expected(*(start - d))) / (2 * h)
            for d in h * np.eye(3)
        ]
    )


def sampled_gradients(estimator, mean, stddev, bound, many=20_000):
    """To the mean, of each example; to the deviation, the mean of all."""
    look = make(estimator, stddev=stddev, bound=bound)
    images = np.repeat(IMAGES[:1], many, axis=0)
    query = tf.repeat(tf.constant([mean], "float32"), many, axis=0)
    look.build(images.shape, query.shape)
    with tf.GradientTape() as tape:
        tape.watch(query)
        glimpse, attention = look(
            images, query, training=True, return_attention=True
        )
        losses = loss_of(glimpse)
        if estimator == "score_function":
            advantage = tf.stop_gradient(losses - tf.reduce_mean(losses))
            losses = attention["log_prob"] * advantage
        total = tf.reduce_sum(losses)
    weight = look.location_policy.stddev
    to_mean, to_stddev = tape.gradient(total, [query, weight])
    return to_mean.numpy(), to_stddev.numpy() / many


@BOUNDS
@pytest.mark.parametrize(
    ("mean", "stddev"), [((0.2, -0.1), 0.1), ((0.9, -0.7), 0.4)]
)
@pytest.mark.parametrize("estimator", ["pathwise", "score_function"])
def test_sampled_gradients_are_those_of_the_expected_loss(
    estimator, mean, stddev, bound
):
    exact = exact_gradient(mean, stddev, bound)
    to_mean, to_stddev = sampled_gradients(estimator, mean, stddev, bound)
    error = 4 * to_mean.std(axis=0) / np.sqrt(len(to_mean)) + 1e-3
    assert np.all(np.abs(to_mean.mean(axis=0) - exact[:2]) < error)
    assert abs(to_stddev - exact[2]) < 2 * error.max()
    assert np.all(np.abs(exact[:2]) > error)


def test_close_to_the_mean_its_variance_is_much_lower():
    pathwise, by_score = (
        sampled_gradients(estimator, (0.2, -0.1), 0.05, "clip")[0].var(axis=0)
        for estimator in ("pathwise", "score_function")
    )
    assert np.all(pathwise < by_score / 8)


def test_what_was_not_sampled_has_no_gradient_but_the_mode():
    look, query = make(), tf.constant([[0.2, 0.3], [-0.1, 0.4]])
    plain = make("score_function")
    for scope in ({"name": "center"}, {"location": [0.5, -0.5]}):
        with keras_attention.policy(**scope), tf.GradientTape() as tape:
            tape.watch(query)
            glimpse = look(IMAGES, query, training=True)
        assert tape.gradient(glimpse, query) is None
    with keras_attention.policy("random"), tf.GradientTape() as tape:
        tape.watch(query)
        glimpse = look(IMAGES, query, training=True)
    assert tape.gradient(glimpse, query) is None
    with tf.GradientTape() as tape:
        tape.watch(query)
        glimpse = look(IMAGES, query)
    assert np.all(tape.gradient(glimpse, query) != 0)
    np.testing.assert_array_equal(glimpse, plain(IMAGES, query))


@BOUNDS
def test_it_looks_where_the_score_function_looks(bound):
    query = tf.constant([[0.2, 0.3], [-0.1, 0.4]])
    results = [
        make(estimator, bound=bound)(
            IMAGES, query, training=True, return_attention=True
        )
        for estimator in ("pathwise", "score_function")
    ]
    (glimpse, attention), (expected, scored) = results
    np.testing.assert_array_equal(glimpse, expected)
    assert scored.keys() - attention.keys() == {"log_prob"}
    for name, value in attention.items():
        np.testing.assert_array_equal(value, scored[name])


def glimpse_loop(unroll=None, bound="clip"):
    cell = layers.GlimpseCell(
        layers.GlimpseSensor(4, 2),
        keras.layers.SimpleRNNCell(6),
        layers.GlimpseNetwork(5, 5, 6),
        location_policy=layers.GaussianLocationPolicy(
            0.2, seed=1, learned_stddev=True, bound=bound
        ),
        start="learned",
        estimator="pathwise",
    )
    return layers.RecurrentAttention(cell, num_glimpses=3, unroll=unroll)


def rollout(look):
    """The loss and its gradients, with the same noise at every call."""
    look.cell.location_policy.seed_generator.state.assign([3, 4])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(look(IMAGES, training=True)))
    return loss, tape.gradient(loss, look.trainable_variables)


def test_the_gradient_of_a_rollout_is_that_of_all_paths():
    look = glimpse_loop()
    look.build(IMAGES.shape)
    weights = look.trainable_variables
    generator = np.random.default_rng(4)
    for weight in weights[:-1]:
        weight.assign(generator.normal(size=weight.shape) * 0.3)
    look.cell.location_policy.stddev.assign(0.2)
    _, gradients = rollout(look)
    start = [weight.numpy() for weight in weights]
    network = look.cell.location_network.kernel
    # The location network, and what the queries are made of before it.
    for weight in (network, look.cell.core.recurrent_kernel):
        i = next(i for i, w in enumerate(weights) if w is weight)
        direction = generator.normal(size=weight.shape).astype("float32")
        losses = []
        for h in (3e-3, -3e-3):
            weight.assign(start[i] + h * direction)
            losses.append(rollout(look)[0].numpy())
        weight.assign(start[i])
        expected = (losses[0] - losses[1]) / 6e-3
        actual = np.sum(direction * gradients[i])
        np.testing.assert_allclose(actual, expected, rtol=0.02, atol=2e-3)
        assert abs(expected) > 0.02


@BOUNDS
def test_a_loop_has_the_gradients_of_its_steps_one_by_one(bound):
    unrolled, loop = glimpse_loop(True, bound), glimpse_loop(False, bound)
    for look in (unrolled, loop):
        look.build(IMAGES.shape)
    loop.set_weights(unrolled.get_weights())
    for one, other in zip(
        keras.tree.flatten(rollout(loop)),
        keras.tree.flatten(rollout(unrolled)),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-4)


@keras.saving.register_keras_serializable("tests")
class Slope(keras.layers.Layer):
    """A sensor that compiles in no time."""

    def call(self, images, location):
        return tf.reduce_mean(images, axis=(1, 2)) * location


@BOUNDS
def test_xla_compiles_a_loop_over_any_batch(bound):
    mechanism = make(network=keras.layers.Dense(2), sensor=Slope(), bound=bound)
    cell = layers.AttentionCell(mechanism, keras.layers.SimpleRNNCell(3))
    look = layers.RecurrentAttention(cell, num_glimpses=2, unroll=False)
    look.build((None, 24, 24, 1))

    def run(images):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(look(images, training=True)))
        return tape.gradient(loss, look.trainable_variables)

    shape = tf.TensorSpec((None, 24, 24, 1))
    for gradient in tf.function(run, [shape], jit_compile=True)(IMAGES):
        assert np.all(np.isfinite(gradient))
        assert np.any(gradient != 0)


def test_a_cell_of_the_score_function_holds_the_core_apart():
    assert glimpse_loop().cell.query_gradient
    assert not layers.GlimpseCell(4).query_gradient


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"estimator": "relaxed"},
            "`estimator` must be one of 'score_function', 'pathwise'.*relaxed",
        ),
        (
            {"sensor": layers.GlimpseSensor(4, interpolation="nearest")},
            "`interpolation=\"bilinear\"`.*interpolation='nearest'",
        ),
    ],
)
def test_what_has_no_gradient_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_a_choice_of_cells_has_no_pathwise_gradient():
    with pytest.raises(ValueError, match=r"takes `pathwise=True`.*Grid"):
        layers.GlimpseCell(
            4,
            location_policy=layers.GridLocationPolicy(2, 3),
            estimator="pathwise",
        )
