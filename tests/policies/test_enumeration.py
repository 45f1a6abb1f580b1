import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from keras_attention.policies import enumeration


def test_outcomes_of_one_item_are_all_sequences():
    found = enumeration.outcomes(3, 2)
    assert found.shape == (9, 2, 1)
    assert found.dtype == "int32"
    assert {tuple(one.ravel()) for one in found} == {
        *itertools.product(range(3), repeat=2)
    }


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ({"num_all": 4, "num_steps": 1, "num_items": 2}, 12),
        (
            {
                "num_all": 4,
                "num_steps": 1,
                "num_items": 2,
                "replacement": True,
            },
            16,
        ),
        ({"num_all": 4, "num_steps": 2, "num_items": 2}, 144),
        ({"num_all": 4, "num_steps": 2, "num_items": 2, "again": False}, 24),
        ({"num_all": 3, "num_steps": 3, "again": False}, 6),
        # More steps than items: the last ones get nothing.
        ({"num_all": 2, "num_steps": 3, "again": False}, 8),
    ],
)
def test_outcomes_are_distinct_and_as_many_as_there_are(arguments, count):
    found = enumeration.outcomes(**arguments)
    assert found.shape == (
        count,
        arguments["num_steps"],
        arguments.get("num_items", 1),
    )
    assert len({one.tobytes() for one in found}) == count


def test_4096_outcomes_are_the_most():
    assert len(enumeration.outcomes(8, 4)) == 4096
    with pytest.raises(
        ValueError,
        match=r"at most 4096 outcomes.*4913 outcomes of 1 of 17 items in 3",
    ):
        enumeration.outcomes(17, 3)


def forced(mask, outcomes, visits):
    """What comes of forcing each outcome, by hand: indices and log-probs."""
    indices, log_probs = [], []
    for outcome in outcomes:
        left, log_prob, got = set(np.flatnonzero(mask)), 0.0, []
        for step in outcome:
            if visits:
                left = set(np.flatnonzero(mask))
            for item in step:
                if item in left:
                    log_prob -= np.log(len(left))  # uniform over what is left
                    left.remove(item)
                    got.append(item)
                else:
                    got.append(-1)
        indices.append(np.reshape(got, outcome.shape))
        log_probs.append(log_prob)
    return np.array(indices), np.array(log_probs, "float32")


@pytest.mark.parametrize("mask", [[1, 1, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0]])
@pytest.mark.parametrize(("num_steps", "num_items"), [(1, 2), (3, 1), (2, 2)])
@pytest.mark.parametrize("visits", [True, False])
def test_what_comes_to_the_same_has_its_probability(
    mask, num_steps, num_items, visits
):
    outcomes = enumeration.outcomes(3, num_steps, num_items, again=visits)
    indices, log_probs = forced(mask, outcomes, visits)
    found = enumeration.probabilities(
        tf.constant(log_probs[None]), tf.constant(indices[None])
    )[0].numpy()
    np.testing.assert_allclose(found.sum(), 1, rtol=1e-6)
    # Each draw takes uniformly one of what is left, as long as there is some.
    total = {}
    for result, probability in zip(indices, found, strict=True):
        key = tuple(result.ravel())
        total[key] = total.get(key, 0.0) + probability
    possible = [value for value in total.values() if value > 0]
    there_are = sum(mask)
    drawn = num_items if visits else num_items * num_steps
    count = math.perm(there_are, min(drawn, there_are))
    count **= num_steps if visits else 1
    np.testing.assert_allclose(possible, [1 / count] * count, rtol=1e-5)


def test_gradients_are_those_of_the_probabilities():
    scores = tf.Variable([0.3, -1.0, 0.7])
    indices = tf.reshape(tf.range(3), (1, 3, 1, 1))
    with tf.GradientTape() as tape:
        log_probs = tf.nn.log_softmax(scores)[None]
        expected = tf.reduce_sum(
            enumeration.probabilities(log_probs, indices) * [1.0, 2.0, 5.0]
        )
    p = np.exp(scores) / np.exp(scores).sum()
    by_hand = p * ([1, 2, 5] - p @ [1, 2, 5])
    np.testing.assert_allclose(
        tape.gradient(expected, scores), by_hand, rtol=1e-5
    )
