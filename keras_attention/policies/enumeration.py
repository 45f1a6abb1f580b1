"""All that can be chosen of a few items, one after the other.

Where there are few items and few steps, an expected reward needs no sampling:

    E[R] = sum_a p(a) R(a),    p(a) = prod_t p(a_t | a_1 .. a_(t-1))

with one term for each sequence a of choices, an outcome. There are N^T of
them for one of N items at each of T steps.

Convention:
    Outcomes are (S, T, k) int32: S sequences of T steps, k items in each. The
    indices that came of them are (B, S, T, k), -1 where an item could not be
    chosen (it is masked, or was chosen before).
"""

import itertools
import math

import numpy as np
import tensorflow as tf

MOST_OUTCOMES = 4096


def outcomes(num_all, num_steps, num_items=1, replacement=False, again=True):
    """Every sequence of choices.

    Args:
        num_all: number of items, N.
        num_steps: number of steps, T.
        num_items: number of items that are chosen at every step, k.
        replacement: whether an item may come more than once in a step.
        again: whether an item may come again in a later step. Where there
            are not enough items for that, outcomes have items again.

    Returns:
        (S, T, k) int32 array.

    Raises:
        ValueError: if there are more than `MOST_OUTCOMES`.
    """
    distinct_steps = 1
    if not (again or replacement) and num_items * num_steps <= num_all:
        distinct_steps = num_steps
    drawn = num_items * distinct_steps
    count = num_all**drawn if replacement else math.perm(num_all, drawn)
    count **= num_steps // distinct_steps
    if count > MOST_OUTCOMES:
        raise ValueError(
            f"The exact sum takes at most {MOST_OUTCOMES} outcomes. Choose "
            'fewer items or steps, or `estimator="score_function"`. '
            f"Received: {count} outcomes of {num_items} of {num_all} items in "
            f"{num_steps} steps"
        )
    if replacement:
        draws = itertools.product(range(num_all), repeat=drawn)
    else:
        draws = itertools.permutations(range(num_all), drawn)
    sequences = itertools.product(draws, repeat=num_steps // distinct_steps)
    return np.reshape([*sequences], (count, num_steps, num_items)).astype(
        "int32"
    )


def probabilities(log_prob, indices):
    """How probable each outcome is, from what came of forcing it.

    An item that can not be chosen is not, and adds nothing to the
    log-probability. So an outcome is impossible where another one, possible
    so far, got an item and it did not. Outcomes that come to the same, where
    no items are left or a step is masked, share their probability.

    Args:
        log_prob: (B, S), log-probabilities of the indices.
        indices: (B, S, T, k), what came of the outcomes.

    Returns:
        (B, S) float32 with the sum 1, and the gradient of the probabilities.
    """
    possible = tf.ones_like(log_prob, "bool")
    for got in tf.unstack(_draws(indices) >= 0, axis=-1):
        some = tf.reduce_any(possible & got, axis=1, keepdims=True)
        possible &= tf.equal(got, some)
    probability = tf.where(possible, tf.exp(log_prob), 0.0)
    total = tf.reduce_sum(probability, axis=1, keepdims=True)
    return probability / tf.stop_gradient(total)


def _draws(indices):
    steps, items = indices.shape[2:]
    return tf.reshape(
        indices, (*tf.unstack(tf.shape(indices)[:2]), steps * items)
    )
