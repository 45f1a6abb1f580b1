import hypothesis
import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_attention import ops
from keras_attention.ops import attention_weights

SCORES = np.array(
    [[1.0, 2.0, 3.0, -1.0], [0.2, 0.1, 0.0, 0.3], [5.0, 5.0, -9.0, 4.5]],
    "float32",
)
MASK = np.array(
    [[True, True, False, True], [False, True, False, True], [True] * 4]
)
BOTH = [ops.masked_softmax, ops.sparsemax]
both = pytest.mark.parametrize("normalize", BOTH, ids=lambda op: op.__name__)


def projected(scores):
    """Onto the simplex, by bisection: sum_i max(e_i - tau, 0) falls with tau.

    Along the last axis, in float64; -inf for what is masked.
    """
    scores = np.asarray(scores, "float64")
    high = scores.max(-1, keepdims=True)
    low = high - 1
    for _ in range(80):
        tau = (low + high) / 2
        above = np.maximum(scores - tau, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(above, tau, low), np.where(above, high, tau)
    return np.maximum(scores - tau, 0)


def oracle(normalize, scores, mask=True, axis=-1):
    scores = np.where(mask, np.asarray(scores, "float64"), -np.inf)
    if normalize is ops.masked_softmax:
        return scipy.special.softmax(scores, axis)
    return np.moveaxis(projected(np.moveaxis(scores, axis, -1)), -1, axis)


def jacobian(normalize, scores, mask=None):
    """d alpha_i / d e_j of one row of scores."""
    scores = tf.constant(scores)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        weights = normalize(scores, mask)
    return tape.jacobian(weights, scores).numpy()


@both
def test_it_is_the_definition_over_the_items_that_count(normalize):
    np.testing.assert_allclose(
        normalize(SCORES), oracle(normalize, SCORES), atol=1e-6
    )
    np.testing.assert_allclose(
        normalize(SCORES, MASK), oracle(normalize, SCORES, MASK), atol=1e-6
    )


def test_sparsemax_by_hand():
    np.testing.assert_allclose(
        ops.sparsemax([[3.0, 1.0, 0.0], [0.5, 0.3, 0.1], [0.0, 0.0, -0.4]]),
        [[1, 0, 0], [8 / 15, 1 / 3, 2 / 15], [7 / 15, 7 / 15, 1 / 15]],
        atol=1e-6,
    )


finite = st.floats(-20, 20, width=32)
rows = hnp.arrays("float32", st.tuples(st.just(3), st.just(5)), elements=finite)
masks = hnp.arrays(bool, (3, 5))


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(rows, masks)
def test_sparsemax_satisfies_the_conditions_of_the_nearest_point(scores, mask):
    weights = ops.sparsemax(scores, mask).numpy()
    for alpha, e, counts in zip(weights, scores, mask, strict=True):
        if not counts.any():
            np.testing.assert_array_equal(alpha, np.zeros(5))
            continue
        # Stationary: e_i - alpha_i is one tau where alpha_i > 0, and no item
        # of weight 0 lies above it.
        np.testing.assert_array_equal(alpha[~counts], 0)
        support = alpha > 0
        tau = e[support] - alpha[support]
        np.testing.assert_allclose(tau, tau[0], atol=1e-5)
        assert np.all(e[counts & ~support] <= tau[0] + 1e-5)
        np.testing.assert_allclose(alpha.sum(), 1, atol=1e-5)


@both
@hypothesis.settings(deadline=None, max_examples=30)
@hypothesis.given(rows, masks, finite, st.permutations(range(5)))
def test_properties(normalize, scores, mask, shift, order):
    weights = normalize(scores, mask).numpy()
    assert np.all(weights >= 0)
    assert np.all(weights[~mask] == 0)
    np.testing.assert_allclose(weights.sum(1), mask.any(1), atol=1e-5)
    shifted = normalize(scores + shift, mask)
    np.testing.assert_allclose(shifted, weights, atol=1e-5)
    permuted = normalize(scores[:, order], mask[:, order])
    np.testing.assert_allclose(permuted, weights[:, order], atol=1e-6)


def test_the_jacobian_of_softmax_is_diag_alpha_minus_alpha_alpha():
    alpha = scipy.special.softmax(np.where(MASK[0], SCORES[0], -np.inf))
    np.testing.assert_allclose(
        jacobian(ops.masked_softmax, SCORES[0], MASK[0]),
        np.diag(alpha) - np.outer(alpha, alpha),
        atol=1e-6,
    )


def test_the_jacobian_of_sparsemax_is_that_of_a_mean_over_the_support():
    scores = np.array([0.9, -3.0, 0.5, 0.8, -0.5], "float32")
    s = np.array([1, 0, 1, 1, 0])
    np.testing.assert_array_equal(ops.sparsemax(scores) > 0, s)
    np.testing.assert_allclose(
        jacobian(ops.sparsemax, scores),
        np.diag(s) - np.outer(s, s) / 3,
        atol=1e-6,
    )


@both
def test_gradients_are_finite_differences(normalize):
    scores = np.array([0.9, 0.45, 0.5, 0.8, 0.1])
    mask = np.array([True, True, False, True, True])
    step = 1e-4 * np.eye(5)
    numeric = [
        (normalize(scores + one, mask) - normalize(scores - one, mask)) / 2e-4
        for one in step
    ]
    np.testing.assert_allclose(
        jacobian(normalize, scores, mask), np.transpose(numeric), atol=1e-6
    )


@both
@pytest.mark.parametrize("compiled", [False, True])
def test_a_row_without_items_has_no_weights_and_no_gradient(
    normalize, compiled
):
    mask = MASK & [[True], [False], [True]]

    def look(scores):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            weights = normalize(scores, mask)
            loss = tf.reduce_sum(weights * [1.0, 2.0, 3.0, 4.0])
        return weights, tape.gradient(loss, scores)

    weights, gradient = tf.function(look, jit_compile=compiled)(SCORES)
    for values in (weights.numpy(), gradient.numpy()):
        assert np.isfinite(values).all()
        np.testing.assert_array_equal(values[1], np.zeros(4))
        assert np.any(values[2] != 0)


NAN, INF = np.nan, np.inf
HALVES = [0.5, 0, 0.5]


@both
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([1.0, NAN, 1.0], HALVES),
        ([1.0, -INF, 1.0], HALVES),
        ([INF, 1.0, INF], HALVES),
        ([INF, NAN, -INF], [1, 0, 0]),
        ([3e38, -3e38, 0.0], [1, 0, 0]),
        ([-3e38, NAN, -3e38], HALVES),
        ([1e6, 0.0, 1e6], HALVES),
        ([NAN, NAN, NAN], [0, 0, 0]),
        ([-INF, NAN, -INF], [0, 0, 0]),
    ],
)
def test_scores_that_are_no_numbers(normalize, compiled, scores, expected):
    def look(scores):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            weights = normalize(scores)
            loss = tf.reduce_sum(weights * [1.0, 2.0, 4.0])
        return weights, tape.gradient(loss, scores)

    weights, gradient = tf.function(look, jit_compile=compiled)(
        tf.constant([scores])
    )
    np.testing.assert_allclose(weights, [expected], atol=1e-6)
    assert np.isfinite(gradient).all()
    bad = ~(np.array(scores) > -INF)
    np.testing.assert_array_equal(gradient.numpy()[0, bad], 0)


@both
@pytest.mark.parametrize("axis", [0, 1, 2, -2])
def test_any_axis(normalize, axis):
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(3, 4, 5)).astype("float32")
    mask = generator.random((3, 4, 5)) < 0.8
    mask[1] = mask[:, 0] = mask[..., 3] = True
    np.testing.assert_allclose(
        normalize(scores, mask, axis=axis),
        oracle(normalize, scores, mask, axis),
        atol=1e-6,
    )


def test_softmax_over_a_map_takes_both_axes():
    scores = np.random.default_rng(0).normal(size=(2, 3, 4))
    flat = scipy.special.softmax(scores.reshape(2, 12), -1)
    weights = ops.masked_softmax(scores, axis=(1, 2))
    np.testing.assert_allclose(weights, flat.reshape(2, 3, 4), atol=1e-12)


@both
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [("float16", 1e-3), ("bfloat16", 8e-3), ("float32", 1e-6), ("float64", 0)],
)
def test_the_dtype_stays_and_the_precision_is_its_own(
    normalize, dtype, tolerance
):
    scores = tf.cast(SCORES, dtype)
    weights = normalize(scores, MASK)
    assert weights.dtype == dtype
    exact = oracle(normalize, tf.cast(scores, "float64"), MASK)
    np.testing.assert_allclose(
        tf.cast(weights, "float64"), exact, atol=tolerance + 1e-12
    )


@both
@pytest.mark.parametrize(
    ("dtype", "digits"), [("float16", 11), ("bfloat16", 8)]
)
def test_halves_are_rounded_only_at_the_end(normalize, dtype, digits):
    scores = np.random.default_rng(0).uniform(0.99, 1, (2, 400))
    scores = tf.cast(scores, dtype)
    exact = oracle(normalize, tf.cast(scores, "float64"))
    np.testing.assert_allclose(
        tf.cast(normalize(scores), "float64"),
        exact,
        rtol=1.01 * 2.0**-digits,
        atol=2e-6,
    )


@both
@pytest.mark.parametrize(
    "mask",
    [[True, False, True, True], [[True], [False], [True]], False, MASK * 1.0],
)
def test_a_mask_broadcasts(normalize, mask):
    full = np.broadcast_to(np.array(mask, bool), SCORES.shape)
    np.testing.assert_array_equal(
        normalize(SCORES, mask), normalize(SCORES, full)
    )


@both
@pytest.mark.parametrize(
    ("scores", "mask", "message"),
    [
        (SCORES.astype("int32"), None, "`scores`.*floating.*dtype=int32"),
        (SCORES, MASK[:2], r"`mask`.*mask.shape=\(2, 4\).*=\(3, 4\)"),
        (SCORES[:1], MASK, r"`mask`.*mask.shape=\(3, 4\).*=\(1, 4\)"),
        (SCORES[0], MASK, r"`mask`.*mask.shape=\(3, 4\).*=\(4,\)"),
    ],
)
def test_what_is_wrong_is_said(normalize, scores, mask, message):
    with pytest.raises(ValueError, match=message):
        normalize(scores, mask)


@both
def test_it_converts_to_builtins_of_tflite_with_any_batch(normalize):
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [
            tf.function(normalize).get_concrete_function(
                tf.TensorSpec((None, 4)), tf.TensorSpec((None, 4), "bool")
            )
        ]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(model_content=converter.convert())
    inputs = interpreter.get_input_details()
    output = interpreter.get_output_details()[0]["index"]
    scores = SCORES.copy()
    scores[1] = [NAN, 2.0, -INF, INF]
    for batch in (1, 3):
        mask = MASK[:batch].copy()
        mask[0] = False
        for detail in inputs:
            interpreter.resize_tensor_input(detail["index"], (batch, 4))
        interpreter.allocate_tensors()
        for detail in inputs:
            value = mask if detail["dtype"] == np.bool_ else scores[:batch]
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
        np.testing.assert_allclose(
            interpreter.get_tensor(output),
            normalize(scores[:batch], mask),
            atol=1e-6,
        )


def test_the_largest_score_leaves_room_for_noise():
    largest = np.float32(attention_weights.LARGEST_SCORE)
    assert np.isfinite(largest * 2)
