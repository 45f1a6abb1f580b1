"""What soft attention over items and over places has in common."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import layers

GENERATOR = np.random.default_rng(0)
ITEMS = GENERATOR.normal(size=(3, 6, 4)).astype("float32")
MAPS = ITEMS.reshape(3, 2, 3, 4)
QUERY = GENERATOR.normal(size=(3, 4)).astype("float32")

KINDS = [(layers.ItemWiseSoftAttention, ITEMS)]
KINDS.append((layers.LocationWiseSoftAttention, MAPS))
both = pytest.mark.parametrize(("kind", "inputs"), KINDS, ids=["items", "maps"])


def dropped(inputs, attended, attention):
    """The factor of every weight, from a reweighted output."""
    weights = attention["attention_weights"]
    factors = attended / (weights[..., None] * inputs)
    np.testing.assert_allclose(factors[..., 0], factors[..., 1], rtol=1e-5)
    return factors[..., 0].numpy()


@both
def test_dropout_drops_a_fraction_and_scales_what_it_keeps(kind, inputs):
    inputs = np.repeat(inputs, 400, axis=0)
    query = np.repeat(QUERY, 400, axis=0)
    layer = kind(units=3, dropout=0.3, output="zero", seed=1)
    plain, still = layer(inputs, query, return_attention=True)
    attended, attention = layer(
        inputs, query, training=True, return_attention=True
    )
    np.testing.assert_allclose(dropped(inputs, plain, still), 1, rtol=1e-5)
    factors = dropped(inputs, attended, attention)
    kept = factors > 0.5
    np.testing.assert_allclose(factors[kept], 1 / 0.7, rtol=1e-5)
    np.testing.assert_array_equal(factors[~kept], 0)
    # 7200 draws: the deviation of their mean is 0.0054.
    assert abs(np.mean(kept) - 0.7) < 0.02
    # So the expectation of the output is what it is outside training.
    mean = tf.reduce_mean(tf.reshape(attended, (3, 400, -1)), axis=1)
    plain = tf.reshape(plain, (3, 400, -1))[:, 0]
    np.testing.assert_allclose(mean, plain, atol=0.12 * np.abs(plain).max())
    np.testing.assert_array_equal(
        attention["attention_weights"], still["attention_weights"]
    )


@both
def test_every_call_drops_others_and_a_seed_repeats_them(kind, inputs):
    def calls(seed):
        layer = kind("state", dropout=0.5, seed=seed)
        layer.build(inputs.shape, QUERY.shape)
        return [layer(inputs, QUERY, training=True).numpy() for _ in range(2)]

    keras.utils.set_random_seed(1)
    first = calls(seed=3)
    assert np.any(first[0] != first[1])
    keras.utils.set_random_seed(1)
    np.testing.assert_array_equal(calls(seed=3), first)


@both
def test_unrolled_and_loop_drop_the_same(kind, inputs):
    outputs = []
    for unroll in (True, False):
        keras.utils.set_random_seed(2)
        mechanism = kind(units=3, dropout=0.5, seed=5)
        cell = layers.AttentionCell(mechanism, keras.layers.LSTMCell(4))
        look = layers.RecurrentAttention(
            cell, num_glimpses=4, return_sequences=True, unroll=unroll
        )
        outputs.append(look(inputs, training=True).numpy())
        plain = look(inputs)
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-6)
    assert np.all(np.any(outputs[0] != plain, axis=(0, 2)))


@pytest.mark.parametrize("last_dropout", [0.5, 0.0])
def test_a_file_keeps_where_the_random_numbers_are(tmp_path, last_dropout):
    def model(dropout):
        items, query = keras.Input((6, 4)), keras.Input((4,))
        attend = layers.ItemWiseSoftAttention(dropout=dropout, name="attend")
        return keras.Model([items, query], attend(items, query))

    trained, again = model(0.5), model(last_dropout)
    trained([ITEMS, QUERY], training=True)
    trained.save_weights(tmp_path / "model.weights.h5")
    again.load_weights(tmp_path / "model.weights.h5")
    outputs = [m([ITEMS, QUERY], training=True) for m in (trained, again)]
    assert np.all(outputs[0] == outputs[1]) == bool(last_dropout)


@both
def test_mixed_precision_keeps_weights_in_float32(kind, inputs):
    keras.config.set_dtype_policy("mixed_float16")
    layer = kind(units=3, gate=True)
    attended, attention = layer(inputs, QUERY, return_attention=True)
    assert attended.dtype == "float16"
    assert {value.dtype for value in attention.values()} == {tf.float32}


@pytest.mark.parametrize("units", [[8, 3], (8, 3), 8])
def test_several_widths_survive_a_file(tmp_path, units):
    items, query = keras.Input((6, 4)), keras.Input((4,))
    attend = layers.ItemWiseSoftAttention(units=units)
    model = keras.Model([items, query], attend(items, query))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    inputs = [ITEMS, QUERY]
    np.testing.assert_array_equal(again(inputs), model(inputs))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score": "dot"}, "`score` must be one of.*score='dot'"),
        ({"units": -1}, "`units` must be.*units=-1"),
        ({"units": 2.5}, "`units` must be.*units=2.5"),
        ({"units": (8, 0)}, "`units` must be.*units=0"),
        ({"units": ()}, "`units` must not be empty"),
        ({"temperature": 0}, "`temperature` must be positive.*=0"),
        ({"temperature": -1.0}, "`temperature` must be positive.*=-1.0"),
        ({"temperature": math.inf}, "`temperature` must be.*finite.*=inf"),
        ({"temperature": math.nan}, "`temperature` must be.*=nan"),
        ({"dropout": 1}, r"`dropout` must lie in \[0, 1\).*dropout=1"),
        ({"dropout": -0.1}, "`dropout` must lie.*dropout=-0.1"),
        ({"normalization": "l2"}, "`normalization` must be.*='l2'"),
        ({"output": "gather"}, "`output` must be one of.*output='gather'"),
    ],
)
@both
def test_what_is_wrong_with_an_argument_is_said(kind, inputs, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)


@pytest.mark.parametrize(
    ("options", "shapes", "message"),
    [
        ({}, [(3, 4), (3, 4)], r"`inputs`.*features\).*shape=\(3, 4\)"),
        ({}, [(3, 2, 2, 2, 4)], r"`inputs` must have the shape \(batch, "),
        ({}, [(3, 0, 4)], r"`inputs`.*size 0.*inputs.shape=\(3, 0, 4\)"),
        ({}, [(3, 6, 4), (3, 2, 4)], r"`query`.*query.shape=\(3, 2, 4\)"),
        (
            {},
            [(3, 6, 4), (2, 4)],
            r"`query` must have the batch.*=\(2, 4\).*=\(3, 6, 4\)",
        ),
        ({"gate": True}, [(3, 6, 4)], "`gate=True` needs a `query`"),
        ({"score": "general"}, [(3, 6, 4)], "'general' needs a `query`"),
        ({"score": "scaled_dot"}, [(3, 6, 4)], "'scaled_dot' needs a `query`"),
        ({"score": "state"}, [(3, 6, 4)], "'state' needs a `query`"),
        (
            {"score": "scaled_dot"},
            [(3, 6, 4), (3, 5)],
            r"query as wide as the items.*=\(3, 6, 4\).*=\(3, 5\)",
        ),
    ],
)
def test_what_is_wrong_with_a_shape_is_said(options, shapes, message):
    layer = layers.ItemWiseSoftAttention(**options)
    with pytest.raises(ValueError, match=message):
        layer(*[np.zeros(shape, "float32") for shape in shapes])


@pytest.mark.parametrize(
    ("options", "shapes", "message"),
    [
        ({}, [(3, 6, 4)], r"\(batch, height, width, channels\)"),
        ({}, [(3, 0, 2, 4)], r"size 0.*inputs.shape=\(3, 0, 2, 4\)"),
        ({"score": "gaussian"}, [(3, 2, 3, 4)], "'gaussian' needs a `query`"),
        ({"score": "state"}, [(3, 2, 3, 4)], "'state' needs a `query`"),
        (
            {"score": "convolutional"},
            [(3, 2, 3, 4), (2, 4)],
            "`query` must have the batch",
        ),
    ],
)
def test_what_is_wrong_with_the_shape_of_a_map_is_said(
    options, shapes, message
):
    layer = layers.LocationWiseSoftAttention(**options)
    with pytest.raises(ValueError, match=message):
        layer(*[np.zeros(shape, "float32") for shape in shapes])


@both
def test_shapes_are_known_without_running(kind, inputs):
    shape = (None, *inputs.shape[1:])
    context = kind().compute_output_shape(shape, (None, 9))
    assert context == (None, 4)
    assert kind(output="zero").compute_output_shape(shape) == shape


def test_scores_of_maps_alone_are_not_for_items():
    for score in ("gaussian", "convolutional"):
        with pytest.raises(ValueError, match=f"score='{score}'"):
            layers.ItemWiseSoftAttention(score)


@both
def test_a_mask_of_another_shape_is_an_error(kind, inputs):
    layer = kind(units=3)
    for shape in [(3, 4), (2, *inputs.shape[1:-1]), inputs.shape]:
        with pytest.raises(ValueError, match=r"`mask` must have the shape"):
            layer(inputs, QUERY, mask=np.ones(shape, bool))


@both
def test_the_score_of_the_state_needs_the_same_places_again(kind, inputs):
    layer = kind("state")
    layer(inputs, QUERY)
    with pytest.raises(ValueError, match='"state" has a weight for each'):
        layer(inputs[:, 1:], QUERY)
    unknown = keras.Input((*[None] * (inputs.ndim - 2), 4))
    with pytest.raises(ValueError, match=r"must be known.*\(None, None"):
        kind("state")(unknown, keras.Input((4,)))


@pytest.mark.parametrize("score", ["additive", "convolutional"])
def test_a_query_comes_always_or_never(score):
    layer = layers.LocationWiseSoftAttention(score, units=3)
    layer(MAPS)
    with pytest.raises(ValueError, match=r"without a `query`.*=\(3, 4\)"):
        layer(MAPS, QUERY)
    layer = layers.LocationWiseSoftAttention(score, units=3)
    layer(MAPS, QUERY)
    with pytest.raises(ValueError, match="built with a `query`.*shape=None"):
        layer(MAPS)


def test_scores_of_half_precision_items_do_not_overflow():
    items = np.ones((1, 2, 512), "float16") * [[[20.0], [19.0]]]
    query = np.full((1, 512), 20.0)
    weights = []
    for dtype in ("float16", "float32"):
        attend = layers.ItemWiseSoftAttention("scaled_dot", dtype=dtype)
        _, attention = attend(items, query, return_attention=True)
        weights.append(attention["attention_weights"])
    np.testing.assert_allclose(*weights, atol=1e-3)
    np.testing.assert_allclose(weights[0], [[1.0, 0.0]], atol=1e-3)
