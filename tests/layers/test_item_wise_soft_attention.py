import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from keras_attention import layers, ops

GENERATOR = np.random.default_rng(0)
ITEMS = GENERATOR.normal(size=(3, 5, 4)).astype("float32")
QUERY = GENERATOR.normal(size=(3, 4)).astype("float32")
LONG_QUERY = GENERATOR.normal(size=(3, 6)).astype("float32")
MASK = np.array([[1, 1, 0, 1, 0], [0] * 5, [1] * 5], bool)
SCORES = ["additive", "general", "scaled_dot", "state"]
every_score = pytest.mark.parametrize("score", SCORES)


def built(*shapes, **options):
    """A layer all of whose weights, biases too, are random."""
    layer = layers.ItemWiseSoftAttention(**options)
    layer.build(*(shapes or [ITEMS.shape, QUERY.shape]))
    generator = np.random.default_rng(1)
    layer.set_weights(
        [generator.normal(size=w.shape) for w in layer.get_weights()]
    )
    return layer


def run(layer, items=ITEMS, query=QUERY, **options):
    output, attention = layer(items, query, return_attention=True, **options)
    return output.numpy(), attention["attention_weights"].numpy()


def additive(score, items, query):
    """v . tanh(W_a a_i + W_h h + b), hidden layers between tanh and v."""
    values = items @ score.of_items.kernel.numpy() + score.of_items.bias.numpy()
    if query is not None:
        values = values + (query @ score.of_query.kernel.numpy())[:, None]
    values = np.tanh(values)
    for layer in score.hidden:
        values = np.tanh(values @ layer.kernel.numpy() + layer.bias.numpy())
    return (values @ score.last.kernel.numpy())[..., 0]


def general(score, items, query):
    """a_i . W h."""
    return np.einsum("bnd,dq,bq->bn", items, score.of_items.kernel, query)


def scaled_dot(score, items, query):
    """a_i . h / sqrt(D)."""
    return np.einsum("bnd,bd->bn", items, query) / np.sqrt(items.shape[-1])


def state(score, items, query):
    """w_i . h + b_i."""
    return query @ score.of_query.kernel.numpy() + score.of_query.bias.numpy()


def expectation(weights, items):
    return np.einsum("bn,bnd->bd", weights, items)


@pytest.mark.parametrize(
    ("equation", "query", "units"),
    [
        (additive, QUERY, 7),
        (additive, LONG_QUERY, (7, 3, 5)),
        (additive, None, [2, 9]),
        (general, QUERY, 1),
        (general, LONG_QUERY, 1),
        (scaled_dot, QUERY, 1),
        (state, LONG_QUERY, 1),
    ],
)
def test_it_is_the_equation_of_its_score(equation, query, units):
    shapes = [ITEMS.shape] if query is None else [ITEMS.shape, query.shape]
    layer = built(*shapes, score=equation.__name__, units=units)
    output, weights = run(layer, query=query)
    scores = equation(layer.score, ITEMS, query)
    expected = scipy.special.softmax(scores, axis=1)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_allclose(output, expectation(expected, ITEMS), atol=1e-5)


def test_temperature_divides_the_scores():
    layer = built(units=7, temperature=0.25)
    scores = additive(layer.score, ITEMS, QUERY)
    _, weights = run(layer)
    np.testing.assert_allclose(
        weights, scipy.special.softmax(4 * scores, axis=1), atol=1e-5
    )


@pytest.mark.parametrize("output", ["expectation", "zero"])
def test_the_gate_multiplies_by_the_sigmoid_of_the_query(output):
    layer = built(units=7, gate=True, output=output)
    beta = scipy.special.expit(
        QUERY @ layer.gate.kernel.numpy() + layer.gate.bias.numpy()
    )
    attended, weights = run(layer)
    items = beta[:, None] * weights[..., None] * ITEMS
    expected = items if output == "zero" else items.sum(1)
    np.testing.assert_allclose(attended, expected, atol=1e-6)


@every_score
def test_the_reweighted_items_sum_to_the_expectation(score):
    layer = built(score=score, units=7)
    zero = built(score=score, units=7, output="zero")
    reweighted, weights = run(zero)
    np.testing.assert_allclose(reweighted, weights[..., None] * ITEMS)
    np.testing.assert_allclose(reweighted.sum(1), run(layer)[0], atol=1e-6)


def test_sparsemax_gives_most_items_no_weight():
    layer = built(units=7, normalization="sparsemax", temperature=0.5)
    output, weights = run(layer)
    scores = additive(layer.score, ITEMS, QUERY)
    np.testing.assert_allclose(weights, ops.sparsemax(2 * scores), atol=1e-6)
    assert np.mean(weights == 0) > 0.5
    np.testing.assert_allclose(output, expectation(weights, ITEMS), atol=1e-6)


@every_score
@pytest.mark.parametrize("normalization", ["softmax", "sparsemax"])
def test_masked_items_have_no_weight_and_no_influence(score, normalization):
    layer = built(score=score, units=7, normalization=normalization)
    output, weights = run(layer, mask=MASK)
    assert np.all(weights[~MASK] == 0)
    np.testing.assert_allclose(weights.sum(1), [1, 0, 1], atol=1e-6)
    assert np.all(output[1] == 0)
    other = np.where(MASK[..., None], ITEMS, 100.0).astype("float32")
    np.testing.assert_allclose(run(layer, other, mask=MASK)[0], output)


@every_score
@pytest.mark.parametrize("output", ["expectation", "zero"])
def test_where_all_items_are_masked_all_gradients_are_zero(score, output):
    layer = built(score=score, units=7, output=output)
    items, query = tf.constant(ITEMS), tf.constant(QUERY)
    with tf.GradientTape() as tape:
        tape.watch([items, query])
        attended = layer(items, query, mask=MASK & [[False], [True], [False]])
        loss = tf.reduce_sum(tf.square(attended + 1))
    sources = [items, query, *layer.trainable_variables]
    for gradient in tape.gradient(loss, sources, unconnected_gradients="zero"):
        np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))


def test_the_mask_of_a_layer_upstream_is_used():
    tokens = np.array([[3, 1, 0, 2, 0], [0] * 5, [1, 2, 3, 4, 1]])
    ids, question = keras.Input((5,), dtype="int32"), keras.Input((4,))
    items = keras.layers.Embedding(5, 4, mask_zero=True)(ids)
    options = {"return_attention": True}
    attend = layers.ItemWiseSoftAttention(units=7)
    alone = layers.ItemWiseSoftAttention(units=7)
    model = keras.Model(
        [ids, question],
        [attend(items, question, **options), alone(items, **options)],
    )
    for _, attention in model([tokens, QUERY]):
        weights = attention["attention_weights"].numpy()
        np.testing.assert_array_equal(weights == 0, tokens == 0)


@pytest.mark.parametrize("with_query", [False, True])
def test_the_mask_goes_on_where_the_items_stay(with_query):
    items = keras.layers.Masking()(np.where(MASK[..., None], ITEMS, 0))
    query = QUERY if with_query else None
    zero = layers.ItemWiseSoftAttention(units=7, output="zero")(items, query)
    np.testing.assert_array_equal(zero._keras_mask, MASK)
    context = layers.ItemWiseSoftAttention(units=7)(items, query)
    assert getattr(context, "_keras_mask", None) is None


def test_a_mask_can_be_an_input_of_a_model():
    inputs = [
        keras.Input((None, 4)),
        keras.Input((4,)),
        keras.Input((None,), dtype="bool"),
    ]
    layer = layers.ItemWiseSoftAttention(units=7)
    model = keras.Model(inputs, layer(*inputs[:2], mask=inputs[2]))
    np.testing.assert_allclose(
        model([ITEMS, QUERY, MASK]), layer(ITEMS, QUERY, mask=MASK)
    )


@pytest.mark.parametrize("score", ["additive", "general", "scaled_dot"])
def test_the_order_of_the_items_does_not_matter(score):
    layer = built(score=score, units=7)
    order = [3, 0, 4, 1, 2]
    output, weights = run(layer, mask=MASK)
    other, permuted = run(layer, ITEMS[:, order], mask=MASK[:, order])
    np.testing.assert_allclose(permuted, weights[:, order], atol=1e-6)
    np.testing.assert_allclose(other, output, atol=1e-6)


def test_the_softmax_of_equal_items_is_the_plain_mean():
    output, weights = run(built(units=7), np.ones_like(ITEMS))
    np.testing.assert_allclose(weights, np.full((3, 5), 0.2), atol=1e-6)
    np.testing.assert_allclose(output, np.ones((3, 4)), atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@every_score
def test_an_item_that_is_no_number_spoils_only_its_own_row(score, bad):
    layer = built(score=score, units=7)
    items = ITEMS.copy()
    items[0, 2] = bad
    output, weights = run(layer, items)
    assert np.isfinite(weights).all()
    expected, _ = run(layer)
    np.testing.assert_allclose(output[1:], expected[1:], atol=1e-6)


def test_a_score_that_is_no_number_counts_as_a_masked_item():
    layer = built(score="state")
    bias = layer.score.of_query.bias.numpy()
    bias[[1, 3]] = np.nan, -np.inf
    layer.score.of_query.bias.assign(bias)
    output, weights = run(layer)
    mask = np.tile([True, False, True, False, True], (3, 1))
    np.testing.assert_array_equal(weights == 0, ~mask)
    layer.score.of_query.bias.assign(np.nan_to_num(bias, neginf=0))
    np.testing.assert_allclose(output, run(layer, mask=mask)[0], atol=1e-6)
    bias[2] = np.inf
    layer.score.of_query.bias.assign(bias)
    np.testing.assert_array_equal(run(layer)[0], ITEMS[:, 2])


def cell_steps(cell, items, mask, num_steps):
    """The loop of Show, Attend and Tell with a simple RNN, in NumPy."""
    core = cell.cell
    h = np.zeros((len(items), core.units))
    alphas = []
    for _ in range(num_steps):
        scores = additive(cell.mechanism.score, items, h)
        scores = np.where(mask, scores, -np.inf)
        alphas.append(scipy.special.softmax(scores, axis=1))
        z = expectation(alphas[-1], items)
        inside = z @ core.kernel.numpy() + core.bias.numpy()
        h = np.tanh(inside + h @ core.recurrent_kernel.numpy())
    return h, np.stack(alphas, axis=1)


@pytest.mark.parametrize("unroll", [True, False])
def test_the_doubly_stochastic_penalty_can_be_read_from_the_loop(unroll):
    cell = layers.AttentionCell(
        layers.ItemWiseSoftAttention(units=(7, 5), temperature=1.0),
        keras.layers.SimpleRNNCell(6),
    )
    look = layers.RecurrentAttention(cell, num_glimpses=4, unroll=unroll)
    mask = MASK | [[False], [True], [False]]
    output, attention = look(ITEMS, mask=mask, return_attention=True)
    h, alphas = cell_steps(cell, ITEMS, mask, 4)
    np.testing.assert_allclose(output, h, atol=1e-5)
    weights = attention["attention_weights"]
    penalty = tf.reduce_sum((1 - tf.reduce_sum(weights, axis=1)) ** 2, axis=1)
    expected = ((1 - alphas.sum(1)) ** 2).sum(1)
    np.testing.assert_allclose(penalty, expected, atol=1e-4)


@every_score
def test_static_items_are_projected_once_for_all_steps(score, monkeypatch):
    mechanism = layers.ItemWiseSoftAttention(score=score, units=7)
    cell = layers.AttentionCell(mechanism, keras.layers.SimpleRNNCell(4))
    look = layers.RecurrentAttention(cell, num_glimpses=3)
    look.build(ITEMS.shape)
    prepare, calls = mechanism.score.prepare, []
    monkeypatch.setattr(
        mechanism.score,
        "prepare",
        lambda inputs: calls.append(1) or prepare(inputs),
    )
    look(ITEMS)
    assert len(calls) == 1
