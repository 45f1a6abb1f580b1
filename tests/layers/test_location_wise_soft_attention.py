import keras
import numpy as np
import pytest
import scipy.signal
import scipy.special
import tensorflow as tf

from keras_attention import layers

GENERATOR = np.random.default_rng(0)
MAPS = GENERATOR.normal(size=(3, 4, 5, 6)).astype("float32")
QUERY = GENERATOR.normal(size=(3, 6)).astype("float32")
MASK = GENERATOR.random((3, 4, 5)) < 0.6
MASK[1] = False
SCORES = [
    "additive",
    "general",
    "scaled_dot",
    "state",
    "convolutional",
    "gaussian",
]
every_score = pytest.mark.parametrize("score", SCORES)


def built(score="additive", maps=MAPS.shape, query=QUERY.shape, **options):
    """A layer all of whose weights, biases too, are random."""
    layer = layers.LocationWiseSoftAttention(score, **{"units": 7, **options})
    layer.build(maps, *([query] if query else []))
    generator = np.random.default_rng(1)
    layer.set_weights(
        [generator.normal(size=w.shape) for w in layer.get_weights()]
    )
    return layer


def run(layer, maps=MAPS, query=QUERY, **options):
    output, attention = layer(maps, query, return_attention=True, **options)
    return output.numpy(), attention["attention_weights"].numpy()


def softmax(scores):
    return scipy.special.softmax(scores, axis=(1, 2))


def axis(size):
    return np.linspace(-1, 1, size) if size > 1 else np.zeros(1)


@pytest.mark.parametrize("score", ["additive", "general", "scaled_dot"])
@pytest.mark.parametrize("normalization", ["softmax", "sparsemax"])
def test_by_content_it_is_item_wise_attention_to_the_places(
    score, normalization
):
    options = {"normalization": normalization, "gate": True}
    layer = built(score, **options)
    flat = layers.ItemWiseSoftAttention(score, units=7, **options)
    items = MAPS.reshape(3, 20, 6)
    flat.build(items.shape, QUERY.shape)
    flat.set_weights(layer.get_weights())
    expected, attention = flat(
        items, QUERY, mask=MASK.reshape(3, 20), return_attention=True
    )
    output, weights = run(layer, mask=MASK)
    np.testing.assert_allclose(output, expected, atol=1e-5)
    np.testing.assert_allclose(
        weights.reshape(3, 20), attention["attention_weights"], atol=1e-6
    )


def test_by_the_state_it_is_the_equation_of_sharma():
    layer = built("state")
    dense = layer.score.of_query
    scores = QUERY @ dense.kernel.numpy() + dense.bias.numpy()
    expected = softmax(scores.reshape(3, 4, 5))
    output, weights = run(layer)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_allclose(
        output, np.einsum("bhw,bhwc->bc", expected, MAPS), atol=1e-5
    )
    other, _ = run(layer, maps=-MAPS)
    np.testing.assert_allclose(other, -output, atol=1e-6)


def correlated(values, layer):
    """A 3x3 convolution with zero padding, channel by channel, by SciPy."""
    kernel = layer.kernel.numpy()
    outputs = [
        sum(
            scipy.signal.correlate2d(one[..., i], kernel[..., i, o], "same")
            for i in range(kernel.shape[2])
        )
        for one in values
        for o in range(kernel.shape[3])
    ]
    shape = (len(values), kernel.shape[3], *values.shape[1:3])
    maps = np.moveaxis(np.reshape(outputs, shape), 1, -1)
    return maps + (layer.bias.numpy() if layer.use_bias else 0)


@pytest.mark.parametrize("units", [4, (4, 3)])
@pytest.mark.parametrize("query", [QUERY, None])
def test_the_convolutional_score_is_that_of_scipy(units, query):
    layer = built(
        "convolutional", query=query is not None and QUERY.shape, units=units
    )
    parts = layer.score
    values = correlated(MAPS, parts.of_items)
    if query is not None:
        values += (query @ parts.of_query.kernel.numpy())[:, None, None]
    values = np.tanh(values)
    for hidden in parts.hidden:
        values = np.tanh(correlated(values, hidden))
    scores = correlated(values, parts.last)[..., 0]
    _, weights = run(layer, query=query)
    np.testing.assert_allclose(weights, softmax(scores), atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(4, 7), (1, 5), (5, 1), (1, 1)])
def test_the_gaussian_mask_is_a_normalised_gaussian(height, width):
    maps = GENERATOR.normal(size=(3, height, width, 2)).astype("float32")
    layer = built("gaussian", maps.shape)
    center, stddev = layer.score.center, layer.score.stddev
    cx, cy = np.tanh(QUERY @ center.kernel.numpy() + center.bias.numpy()).T
    inside = QUERY @ stddev.kernel.numpy() + stddev.bias.numpy()
    sx, sy = (np.log1p(np.exp(inside)) + 0.001).T

    def bell(places, middle, width):
        return np.exp(-0.5 * ((places - middle[:, None]) / width[:, None]) ** 2)

    mask = np.einsum(
        "bh,bw->bhw", bell(axis(height), cy, sy), bell(axis(width), cx, sx)
    )
    mask /= mask.sum((1, 2), keepdims=True)
    output, weights = run(layer, maps)
    np.testing.assert_allclose(weights, mask, atol=1e-5)
    np.testing.assert_allclose(
        output, np.einsum("bhw,bhwc->bc", mask, maps), atol=1e-4
    )


def test_a_new_gaussian_mask_is_wide_and_round_for_every_query():
    layer = layers.LocationWiseSoftAttention("gaussian")
    maps = np.zeros((2, 3, 3, 1), "float32")
    _, weights = run(layer, maps, np.zeros((2, 6), "float32"))
    assert np.all(weights > 0.03)
    np.testing.assert_allclose(weights, weights.swapaxes(1, 2), atol=1e-6)
    np.testing.assert_allclose(
        layer.score.stddev(QUERY), np.full((3, 2), np.log(2)), atol=1e-6
    )


def test_a_gaussian_mask_far_too_narrow_is_finite_and_so_is_its_gradient():
    layer = built("gaussian")
    layer.score.stddev.bias.assign([-300.0, -300.0])
    with tf.GradientTape() as tape:
        output, attention = layer(MAPS, QUERY, return_attention=True)
        loss = tf.reduce_sum(output)
    np.testing.assert_allclose(
        tf.reduce_sum(attention["attention_weights"], (1, 2)), 1, atol=1e-5
    )
    for gradient in tape.gradient(loss, layer.trainable_variables):
        assert np.isfinite(gradient).all()


@every_score
def test_the_location_is_the_centre_of_mass_of_the_mask(score):
    layer = built(score)
    _, attention = layer(MAPS, QUERY, mask=MASK, return_attention=True)
    weights = attention["attention_weights"].numpy()
    x = weights.sum(1) @ axis(5)
    y = weights.sum(2) @ axis(4)
    np.testing.assert_allclose(
        attention["location"], np.stack([x, y], axis=1), atol=1e-6
    )
    np.testing.assert_array_equal(attention["location"][1], [0, 0])


def test_the_location_of_one_place_is_the_place():
    layer = built("state")
    layer.score.of_query.kernel.assign(np.zeros((6, 20)))
    layer.score.of_query.bias.assign(100.0 * np.eye(20)[4])  # top right
    _, attention = layer(MAPS, QUERY, return_attention=True)
    np.testing.assert_allclose(attention["location"], [[1, -1]] * 3, atol=1e-6)


@every_score
def test_the_masked_map_sums_to_the_expectation(score):
    masked, weights = run(built(score, output="zero"))
    np.testing.assert_allclose(masked, weights[..., None] * MAPS)
    expected, _ = run(built(score))
    np.testing.assert_allclose(masked.sum((1, 2)), expected, atol=1e-5)


@every_score
def test_masked_places_have_no_weight(score):
    output, weights = run(built(score), mask=MASK)
    assert np.all(weights[~MASK] == 0)
    np.testing.assert_allclose(weights.sum((1, 2)), [1, 0, 1], atol=1e-6)
    np.testing.assert_array_equal(output[1], np.zeros(6))


@every_score
def test_where_all_places_are_masked_all_gradients_are_zero(score):
    layer = built(score)
    maps, query = tf.constant(MAPS), tf.constant(QUERY)
    with tf.GradientTape() as tape:
        tape.watch([maps, query])
        loss = tf.reduce_sum(layer(maps, query, mask=np.zeros_like(MASK)) + 1)
    sources = [maps, query, *layer.trainable_variables]
    for gradient in tape.gradient(loss, sources, unconnected_gradients="zero"):
        np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))


@every_score
def test_gradients_to_the_map_and_the_query_are_finite_differences(score):
    layer = built(score, temperature=2.0)
    direction = GENERATOR.normal(size=MAPS.shape).astype("float32")
    turn = GENERATOR.normal(size=QUERY.shape).astype("float32")
    maps, query = tf.constant(MAPS), tf.constant(QUERY)
    with tf.GradientTape() as tape:
        tape.watch([maps, query])
        loss = tf.reduce_sum(tf.sin(layer(maps, query)))
    to_maps, to_query = tape.gradient(loss, [maps, query])
    slope = np.sum(direction * to_maps) + np.sum(turn * to_query)
    ahead, behind = [
        np.sum(np.sin(layer(MAPS + h * direction, QUERY + h * turn)))
        for h in (1e-3, -1e-3)
    ]
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-3, rtol=2e-2)


@pytest.mark.parametrize("score", ["additive", "convolutional", "gaussian"])
def test_height_and_width_may_be_unknown(score):
    maps, query = keras.Input((None, None, 6)), keras.Input((6,))
    layer = built(score)
    model = keras.Model(
        [maps, query], layer(maps, query, return_attention=True)
    )
    other = MAPS[:, :3, :2]
    output, attention = model([other, QUERY])
    expected, weights = run(layer, other)
    np.testing.assert_allclose(output, expected, atol=1e-6)
    np.testing.assert_allclose(
        attention["attention_weights"], weights, atol=1e-6
    )
