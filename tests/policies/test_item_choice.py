import itertools

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

from keras_attention.policies import item_choice

SCORES = np.array([0.3, -1.2, 1.5, 0.0], "float32")
MASK = np.array([True, False, True, True])
EVERY = np.ones(4, bool)
CHOICES = [(k, again) for k in (1, 2, 3) for again in (False, True)]
every_choice = pytest.mark.parametrize(("k", "replacement"), CHOICES)


def enumerated(scores, counts, k, replacement):
    """Every ordered choice of k items and its probability, in float64."""
    weight = np.exp(np.where(counts, scores.astype("float64"), -np.inf))
    choose = itertools.product if replacement else itertools.permutations
    repeat = {"repeat": k} if replacement else {"r": k}
    table = {}
    for chosen in choose(np.flatnonzero(counts).tolist(), **repeat):
        left, probability = weight.copy(), 1.0
        for i in chosen:
            probability *= left[i] / left.sum()
            if not replacement:
                left[i] = 0
        table[chosen] = probability
    return table


def log_prob(scores, counts, indices, replacement):
    """Of several choices from the same scores."""
    many = len(indices)
    return item_choice.log_prob(
        tf.repeat(tf.constant(scores)[None], many, axis=0),
        tf.repeat(tf.constant(counts)[None], many, axis=0),
        tf.constant(indices, "int32"),
        replacement,
    )


def sampled(scores, counts, k, replacement, many=20_000):
    shape = (many, k, 4) if replacement else (many, 4)
    noise = np.random.default_rng(3).gumbel(size=shape).astype("float32")
    choose = (
        item_choice.choose_with_replacement
        if replacement
        else item_choice.choose_distinct
    )
    return choose(
        tf.constant(np.tile(scores, (many, 1))),
        tf.constant(np.tile(counts, (many, 1))),
        k,
        tf.constant(noise),
    ).numpy()


@pytest.mark.parametrize("counts", [EVERY, MASK], ids=["all", "masked"])
@every_choice
def test_log_prob_is_that_of_the_exact_enumeration(counts, k, replacement):
    table = enumerated(SCORES, counts, k, replacement)
    actual = log_prob(SCORES, counts, list(table), replacement)
    np.testing.assert_allclose(actual, np.log(list(table.values())), atol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(actual)), 1, atol=1e-5)


def test_of_all_items_it_is_the_plackett_luce_distribution():
    orders = list(itertools.permutations(range(4)))
    expected = tfp.distributions.PlackettLuce(np.tile(np.exp(SCORES), (24, 1)))
    np.testing.assert_allclose(
        log_prob(SCORES, EVERY, orders, replacement=False),
        expected.log_prob(np.array(orders, "int32")),
        atol=1e-5,
    )


@pytest.mark.parametrize("counts", [EVERY, MASK], ids=["all", "masked"])
@every_choice
def test_samples_follow_the_enumeration(counts, k, replacement):
    table = enumerated(SCORES, counts, k, replacement)
    drawn, seen = np.unique(
        sampled(SCORES, counts, k, replacement), axis=0, return_counts=True
    )
    seen = dict(zip(map(tuple, drawn.tolist()), seen, strict=True))
    assert seen.keys() <= table.keys()
    frequencies = [seen.get(chosen, 0) for chosen in table]
    expected = 20_000 * np.array(list(table.values()))
    assert scipy.stats.chisquare(frequencies, expected).pvalue > 0.001


@pytest.mark.parametrize("noise", [None, np.zeros((1, 4), "float32")])
def test_without_noise_it_is_the_highest_scores_in_order(noise):
    indices = item_choice.choose_distinct(SCORES[None], EVERY[None], 3, noise)
    assert indices.dtype == "int32"
    np.testing.assert_array_equal(indices, [np.argsort(-SCORES)[:3]])
    masked = item_choice.choose_distinct(SCORES[None], ~MASK[None], 1)
    np.testing.assert_array_equal(masked, [[1]])


def test_with_replacement_the_mode_is_one_item_several_times():
    choose = item_choice.choose_with_replacement
    indices = choose(SCORES[None], EVERY[None], 6)
    assert indices.dtype == "int32"
    np.testing.assert_array_equal(indices, [[2] * 6])


def test_where_items_run_out_minus_one_is_chosen_at_no_cost():
    counts = np.array([[False, True, True, False], [False] * 4])
    scores = np.tile(SCORES, (2, 1))
    indices = item_choice.choose_distinct(scores, counts, 4)
    np.testing.assert_array_equal(indices, [[2, 1, -1, -1], [-1] * 4])
    again = item_choice.choose_with_replacement(scores, counts, 2)
    np.testing.assert_array_equal(again, [[2, 2], [-1, -1]])
    for chosen, replacement in ((indices, False), (again, True)):
        expected = np.log(scipy.special.softmax(SCORES[1:3])[1])
        actual = item_choice.log_prob(scores, counts, chosen, replacement)
        times = 2 if replacement else 1
        np.testing.assert_allclose(actual, [times * expected, 0], atol=1e-6)


@every_choice
def test_the_gradient_is_chosen_minus_what_was_left(k, replacement):
    table = enumerated(SCORES, MASK, k, replacement)
    scores = tf.constant(np.tile(SCORES, (len(table), 1)))
    counts = tf.constant(np.tile(MASK, (len(table), 1)))
    with tf.GradientTape() as tape:
        tape.watch(scores)
        value = item_choice.log_prob(
            scores, counts, tf.constant(list(table), "int32"), replacement
        )
    expected = np.zeros((len(table), 4))
    for row, chosen in enumerate(table):
        left = MASK.copy()
        for i in chosen:
            expected[row] += np.eye(4)[i] - scipy.special.softmax(
                np.where(left, SCORES, -np.inf)
            )
            left[i] &= replacement
    gradient = tape.gradient(value, scores)
    np.testing.assert_allclose(gradient, expected, atol=1e-5)
    # The score function has the mean 0.
    mean = np.array(list(table.values())) @ gradient.numpy()
    np.testing.assert_allclose(mean, np.zeros(4), atol=1e-6)


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_row_without_items_has_no_gradient(replacement, compiled):
    counts = np.array([EVERY, ~EVERY])

    def look(scores, indices):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            value = item_choice.log_prob(scores, counts, indices, replacement)
        return value, tape.gradient(value, scores)

    scores = np.array([SCORES, [np.nan, np.inf, -np.inf, 0]], "float32")
    value, gradient = tf.function(look, jit_compile=compiled)(
        scores, np.array([[2, 0], [-1, -1]], "int32")
    )
    assert value[1] == 0
    np.testing.assert_array_equal(gradient[1], np.zeros(4))
    assert np.isfinite(value[0])
    assert np.all(np.isfinite(gradient[0]) & (gradient[0] != 0))


@pytest.mark.parametrize("replacement", [False, True])
def test_a_common_shift_of_the_scores_changes_nothing(replacement):
    table = list(enumerated(SCORES, EVERY, 2, replacement))
    np.testing.assert_allclose(
        log_prob(SCORES + 100, EVERY, table, replacement),
        log_prob(SCORES, EVERY, table, replacement),
        atol=1e-4,
    )


@pytest.mark.parametrize("replacement", [False, True])
def test_scores_far_apart_stay_finite(replacement):
    scores = np.array([1e30, -1e30, 0.0, 90.0], "float32")
    chosen = [(0, 1), (1, 0), (2, 3), (3, 2)]
    actual = log_prob(scores, EVERY, chosen, replacement)
    assert np.all(np.isfinite(actual) & (actual <= 0))
    indices = item_choice.choose_distinct(scores[None], EVERY[None], 4)
    np.testing.assert_array_equal(indices, [[0, 3, 2, 1]])


def test_the_lowest_score_comes_before_a_masked_item():
    scores = np.array([[5.0, -1e30, 0.0]], "float32")
    counts = np.array([[False, True, True]])
    indices = item_choice.choose_distinct(scores, counts, 2)
    np.testing.assert_array_equal(indices, [[2, 1]])


def test_an_item_given_twice_is_as_good_as_impossible_without_replacement():
    actual = log_prob(SCORES, EVERY, [(2, 2), (2, 0)], replacement=False)
    assert np.isfinite(actual).all()
    assert actual[0] < -1e30 < -10 < actual[1]


def test_known_drops_what_is_masked_or_no_index():
    counts = np.array([[True, False, True], [False, True, True]])
    indices = item_choice.known(np.array([[0, 1, -1], [0, 1, 2]]), counts)
    np.testing.assert_array_equal(indices, [[0, -1, -1], [-1, 1, 2]])


def test_entropy_is_that_of_scipy_also_where_weights_are_zero():
    weights = np.array(
        [[0.1, 0.2, 0.7], [0.5, 0.0, 0.5], [1, 0, 0], [0, 0, 0]], "float32"
    )
    actual = item_choice.entropy(tf.constant(weights))
    np.testing.assert_allclose(
        actual[:3], scipy.stats.entropy(weights[:3], axis=1), atol=1e-6
    )
    assert actual[3] == 0


def test_the_gradient_of_entropy_to_the_scores():
    scores = tf.constant(SCORES)[None]
    with tf.GradientTape() as tape:
        tape.watch(scores)
        value = item_choice.entropy(tf.nn.softmax(scores))
    alpha = scipy.special.softmax(SCORES.astype("float64"))
    expected = -alpha * (np.log(alpha) + scipy.stats.entropy(alpha))
    np.testing.assert_allclose(
        tape.gradient(value, scores)[0], expected, atol=1e-6
    )
