import itertools

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats

import keras_attention
from keras_attention import layers

GENERATOR = np.random.default_rng(0)
ITEMS = GENERATOR.normal(size=(3, 5, 4)).astype("float32")
QUERY = GENERATOR.normal(size=(3, 4)).astype("float32")
MASK = np.array([[1, 1, 0, 1, 0], [0] * 5, [0, 0, 1, 0, 0]], bool)
every_choice = pytest.mark.parametrize(
    ("k", "replacement"), [(1, False), (2, False), (2, True)]
)


def attention_of(layer, items=ITEMS, query=QUERY, **options):
    output, attention = layer(items, query, return_attention=True, **options)
    return output, {name: value.numpy() for name, value in attention.items()}


def skewed(num_items, replacement, bias=(1.0, 0.0, -1.0, 0.5), **options):
    """Scores that are the bias, whatever the query; and their many items."""
    layer = layers.ItemWiseHardAttention(
        num_items, replacement, "state", **options
    )
    layer.build((None, len(bias), 1), (None, 2))
    kernel = np.zeros((2, len(bias)))
    layer.set_weights([kernel, np.array(bias)])
    return layer


def run_often(layer, times=8000, num_all=4, **options):
    items, query = np.zeros((times, num_all, 1)), np.zeros((times, 2))
    return attention_of(layer, items, query, **{"training": True, **options})[1]


def enumerated(scores, k, replacement):
    """Every ordered choice of k items, and its probability."""
    weight = np.exp(scores - np.max(scores))
    table = {}
    for chosen in itertools.product(range(len(weight)), repeat=k):
        left, probability = weight.copy(), 1.0
        for i in chosen:
            probability *= left[i] / left.sum()
            left[i] *= replacement
        if probability > 0:
            table[chosen] = probability
    return table


@every_choice
def test_gather_and_zero_read_the_same_items(k, replacement):
    outputs = {}
    for form in ("gather", "zero"):
        keras.utils.set_random_seed(3)
        layer = layers.ItemWiseHardAttention(
            k, replacement, units=4, output=form, seed=1
        )
        outputs[form] = attention_of(layer, training=True)
    gathered, attention = outputs["gather"]
    zero, same = outputs["zero"]
    np.testing.assert_array_equal(attention["indices"], same["indices"])
    for row, chosen in enumerate(attention["indices"]):
        np.testing.assert_array_equal(gathered[row], ITEMS[row, chosen])
        kept = np.isin(range(5), chosen)[:, None]
        np.testing.assert_array_equal(zero[row], np.where(kept, ITEMS[row], 0))


def test_what_is_not_chosen_is_zero_even_where_it_is_no_number():
    layer = skewed(2, False, output="zero")
    items = np.array([[[1], [np.nan], [np.inf], [2]]], "float32")
    output = layer(items, np.zeros((1, 2), "float32"))
    np.testing.assert_array_equal(output, [[[1], [0], [0], [2]]])


def test_outside_training_it_takes_the_highest_weights_in_order():
    layer = layers.ItemWiseHardAttention(3, units=4)
    _, attention = attention_of(layer)
    expected = np.argsort(-attention["attention_weights"], axis=1)[:, :3]
    np.testing.assert_array_equal(attention["indices"], expected)
    again = skewed(6, True)  # more draws than items
    np.testing.assert_array_equal(
        run_often(again, 2, training=False)["indices"], [[0] * 6] * 2
    )


@every_choice
def test_samples_follow_the_attention_weights(k, replacement):
    layer = skewed(k, replacement, temperature=2.0)
    attention = run_often(layer)
    scores = np.array([1.0, 0.0, -1.0, 0.5]) / 2
    np.testing.assert_allclose(
        attention["attention_weights"][0],
        scipy.special.softmax(scores),
        atol=1e-6,
    )
    table = enumerated(scores, k, replacement)
    chosen = [tuple(one) for one in attention["indices"].tolist()]
    seen = [chosen.count(one) for one in table]
    assert sum(seen) == 8000
    expected = 8000 * np.array(list(table.values()))
    assert scipy.stats.chisquare(seen, expected).pvalue > 0.001
    np.testing.assert_allclose(
        attention["log_prob"], np.log([table[one] for one in chosen]), atol=1e-5
    )
    np.testing.assert_allclose(
        attention["entropy"],
        scipy.stats.entropy(scipy.special.softmax(scores)),
        atol=1e-6,
    )


@every_choice
def test_at_random_all_items_are_as_likely(k, replacement):
    layer = skewed(k, replacement, bias=(9.0, 0.0, -9.0, 0.5))
    with keras_attention.policy("random"):
        attention = run_often(layer, training=False)
    for drawn in attention["indices"].T:
        counts = np.bincount(drawn, minlength=4)
        assert scipy.stats.chisquare(counts).pvalue > 0.001
    # What is told is the probability under the learned policy.
    table = enumerated([9.0, 0.0, -9.0, 0.5], k, replacement)
    expected = [table[tuple(one)] for one in attention["indices"].tolist()]
    np.testing.assert_allclose(
        attention["log_prob"], np.log(expected), atol=1e-4
    )


def test_scopes_decide_whatever_training_is():
    layer = skewed(2, False)
    with keras_attention.policy("mode"):
        modes = run_often(layer, 9, training=True)["indices"]
    np.testing.assert_array_equal(modes, [[0, 3]] * 9)
    with keras_attention.policy("sample"):
        sampled = run_often(layer, 99, training=False)["indices"]
    assert len(np.unique(sampled, axis=0)) > 4
    with keras_attention.policy("center"):
        middle = run_often(layer, 2)["indices"]
        assert run_often(skewed(5, True), 1)["indices"].tolist() == [
            [0, 1, 2, 3, 3]
        ]
    np.testing.assert_array_equal(middle, [[1, 2]] * 2)


@pytest.mark.parametrize(
    "given",
    [[4, 0], [[4, 0]], [[4, 0], [1, 2], [3, 0]], [[[4, 0]]] * 3],
    ids=["all", "(1, k)", "(B, k)", "(B, 1, k)"],
)
def test_indices_can_be_given(given):
    layer = layers.ItemWiseHardAttention(2, units=4)
    with keras_attention.policy(indices=given):
        output, attention = attention_of(layer, training=True)
    expected = np.broadcast_to(np.squeeze(given), (3, 2))
    np.testing.assert_array_equal(attention["indices"], expected)
    np.testing.assert_array_equal(
        output, np.take_along_axis(ITEMS, expected[..., None], axis=1)
    )


def test_indices_can_be_given_for_every_step():
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(2, units=4), keras.layers.GRUCell(4)
    )
    look = layers.RecurrentAttention(cell, num_glimpses=3)
    given = GENERATOR.permuted(np.tile(np.arange(5), (3, 3, 1)), axis=2)[
        ..., :2
    ]
    with keras_attention.policy(indices=given):
        _, attention = look(ITEMS, return_attention=True)
    np.testing.assert_array_equal(attention["indices"], given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"location": [0.0, 0.0]}, "chooses items: use `policy.indices=...."),
        ({"indices": [0, 5]}, r"must lie in 0 .. 4.*\[0, 5\]"),
        ({"indices": [-1, 0]}, r"must lie in 0 .. 4.*\[-1, 0\]"),
        ({"indices": [1, 2, 3]}, r"indices.shape=\(3,\)"),
        ({"indices": 1}, r"indices.shape=\(\)"),
        ({"indices": [[0, 1]] * 2}, "does not fit the batch"),
    ],
)
def test_what_is_given_and_does_not_fit_is_an_error(given, message):
    layer = layers.ItemWiseHardAttention(2, units=4)
    with (
        keras_attention.policy(**given),
        pytest.raises(ValueError, match=message),
    ):
        layer(ITEMS, QUERY)


@pytest.mark.parametrize("policy", ["sample", "mode", "random"])
@every_choice
def test_masked_items_are_never_chosen(policy, k, replacement):
    layer = layers.ItemWiseHardAttention(k, replacement, units=4)
    with keras_attention.policy(policy):
        output, attention = attention_of(layer, mask=MASK)
    chosen = attention["indices"]
    assert set(chosen[0]) <= {0, 1, 3}
    np.testing.assert_array_equal(chosen[1], [-1] * k)
    assert chosen[2].tolist() == ([2] * k if replacement else [2, -1][:k])
    np.testing.assert_array_equal(output[1], np.zeros((k, 4)))
    np.testing.assert_array_equal(output[2, 0], ITEMS[2, 2])
    np.testing.assert_array_equal(np.any(output != 0, axis=-1), chosen >= 0)
    for name in ("log_prob", "entropy"):
        np.testing.assert_allclose(attention[name][1:], [0, 0], atol=1e-6)


def test_a_masked_item_can_not_be_given_either():
    layer = layers.ItemWiseHardAttention(2, units=4)
    with keras_attention.policy(indices=[3, 2]):
        _, attention = attention_of(layer, mask=MASK)
    np.testing.assert_array_equal(
        attention["indices"], [[3, -1], [-1, -1], [-1, 2]]
    )


def test_a_score_that_is_no_number_is_never_chosen():
    layer = skewed(4, False, bias=(np.nan, 1.0, -np.inf, -1e38))
    attention = run_often(layer, 50)
    np.testing.assert_array_equal(attention["indices"], [[1, 3, -1, -1]] * 50)
    assert np.isfinite(attention["log_prob"]).all()
    infinite = skewed(1, False, bias=(0.0, np.inf))
    assert np.all(run_often(infinite, 50, num_all=2)["indices"] == 1)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_what_was_attended_to_stays_float32(policy):
    keras.config.set_dtype_policy(policy)
    layer = layers.ItemWiseHardAttention(2, units=4)
    output, attention = attention_of(layer, training=True)
    assert output.dtype == layer.compute_dtype
    assert {name: (v.shape, v.dtype) for name, v in attention.items()} == {
        "attention_weights": ((3, 5), "float32"),
        "indices": ((3, 2), "int32"),
        "log_prob": ((3,), "float32"),
        "entropy": ((3,), "float32"),
    }


@pytest.mark.parametrize("unroll", [True, False])
def test_a_file_keeps_where_the_random_numbers_are(tmp_path, unroll):
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(2, units=4), keras.layers.GRUCell(4)
    )
    look = layers.RecurrentAttention(cell, num_glimpses=3, unroll=unroll)
    inputs = keras.Input((5, 4))
    model = keras.Model(inputs, look(inputs))
    first = model(ITEMS, training=True).numpy()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    second = model(ITEMS, training=True).numpy()
    assert np.any(first != second)
    np.testing.assert_array_equal(again(ITEMS, training=True), second)


@pytest.mark.parametrize(
    ("options", "shapes", "message"),
    [
        ({"num_items": 0}, [], "`num_items`.*num_items=0"),
        ({"num_items": 1.5}, [], "`num_items`.*num_items=1.5"),
        ({"score": "gaussian"}, [], "`score` must be one of.*='gaussian'"),
        ({"temperature": -1}, [], "`temperature`.*temperature=-1"),
        ({"output": "expectation"}, [], "`output`.*='expectation'"),
        ({"units": 0}, [], "`units`.*units=0"),
        ({"num_items": 6}, [(3, 5, 4)], "`num_items`.*=6, .*=.3, 5, 4"),
        ({}, [(3, 4)], r"`inputs`.*inputs.shape=\(3, 4\)"),
        ({}, [(3, 0, 4)], r"`inputs`.*size 0.*=\(3, 0, 4\)"),
        ({}, [(3, 5, 4), (2, 4)], r"`query` must have the batch.*=\(2, 4\)"),
        ({"score": "general"}, [(3, 5, 4)], "'general' needs a `query`"),
    ],
)
def test_what_is_wrong_is_said(options, shapes, message):
    with pytest.raises(ValueError, match=message):
        layers.ItemWiseHardAttention(**options)(*map(np.zeros, shapes))


def test_shapes_are_known_without_running():
    shape = (None, 5, 4)
    gather = layers.ItemWiseHardAttention(2)
    assert gather.compute_output_shape(shape) == (None, 2, 4)
    zero = layers.ItemWiseHardAttention(2, output="zero")
    assert zero.compute_output_shape(shape, (None, 9)) == shape


def test_a_mask_of_another_shape_is_an_error():
    with pytest.raises(ValueError, match=r"`mask` must.*mask.shape=\(3, 4\)"):
        layers.ItemWiseHardAttention()(ITEMS, QUERY, mask=MASK[:, :4])
