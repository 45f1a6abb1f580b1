"""The exact sum over all that can be chosen, in place of samples.

Every outcome is a rollout of its own, forced, and weighs as much as it is
probable. The policy gradient of such rollouts is exact:

    sum_a p(a) sum_t grad log p(a_t) R_t(a) = grad sum_a p(a) R(a)

and their weighted mean of anything is its expectation.
"""

import contextlib
import dataclasses

import keras
import tensorflow as tf

from keras_attention.layers.item_wise_hard_attention import (
    ItemWiseHardAttention,
)
from keras_attention.models.hard_attention import called
from keras_attention.models.returns_baseline import (
    NoBaseline,
    ReturnsBaseline,
)
from keras_attention.policies import enumeration, scope

ESTIMATORS = ("score_function", "exact")


def check_options(baseline, num_samples):
    """Raises `ValueError` for options that need samples, and for replicas.

    Args:
        baseline: of `ReinforceModel`.
        num_samples: of `ReinforceModel`.
    """
    of_returns = baseline in (
        "moving_average",
        "batch_mean",
        "leave_one_out",
    ) or (
        isinstance(baseline, ReturnsBaseline)
        and not isinstance(baseline, NoBaseline)
    )
    if of_returns or num_samples > 1:
        raise ValueError(
            'With `estimator="exact"` nothing is sampled: leave `num_samples` '
            'at 1 and `baseline` at "learned", or give "none". '
            f"Received: num_samples={num_samples}, baseline={baseline!r}"
        )
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:  # what is forced is known to the whole process
        raise ValueError(
            '`estimator="exact"` trains on one replica: make the model outside '
            'the scope of the strategy, or use `estimator="score_function"`. '
            f"Received: num_replicas_in_sync={replicas}"
        )


def outcomes_of(model, choices):
    """All that the hard attention of a model can choose.

    Args:
        model: a `keras.Model`.
        choices: `Choices` of a call of it, known by their shapes.

    Returns:
        (S, T, k) int32 array.

    Raises:
        ValueError: unless one layer of the model samples, and that items, of
            which the number is known and the outcomes are few; for options
            of that layer of which there is no sum.
    """
    names = list(choices.layers)  # outcomes are forced on all of them
    found = list(called(model, names).values())
    if len(found) != 1 or not (
        choices.rewarded
        and isinstance(
            getattr(found[0], "mechanism", None), ItemWiseHardAttention
        )
    ):
        raise ValueError(
            '`estimator="exact"` sums over the items of one '
            "`ItemWiseHardAttention` that learns by reward. Give the model "
            '`estimator="score_function"` for places, and for several layers '
            f"that sample. Received: layers that sample={names}"
        )
    values, mechanism = choices.rewarded[names[0]], found[0].mechanism
    again = not getattr(found[0].cell, "inhibition_of_return", False)
    _check_mechanism(mechanism, again)
    num_all = values["attention_weights"].shape[-1]
    num_steps = values["indices"].shape[1]
    if None in (num_all, num_steps):
        raise ValueError(
            '`estimator="exact"` needs a known number of items and steps. '
            f"Received: items={num_all}, steps={num_steps}"
        )
    return enumeration.outcomes(
        num_all,
        num_steps,
        mechanism.num_items,
        mechanism.replacement,
        again=again,
    )


def forced(outcomes, num_rollouts, batch_size):
    """A scope in which each example has a rollout for each outcome, in order.

    Args:
        outcomes: (S, T, k), or None for a scope that changes nothing.
        num_rollouts: S where all are to be taken.
        batch_size: B, an integer or a scalar tensor.

    Returns:
        A context manager.
    """
    if outcomes is None or num_rollouts == 1:
        return contextlib.nullcontext()
    indices = tf.tile(tf.constant(outcomes), (batch_size, 1, 1))
    return scope.policy(indices=indices)


def weighed(choices):
    """Choices that were forced, with a weight for each rollout.

    The weight is S times its probability, of mean 1 for each example. No
    gradient passes through it.

    Args:
        choices: `Choices` of a call in the scope `forced`.

    Returns:
        `Choices` with `weights` (B * S,).
    """
    (values,) = choices.rewarded.values()
    count, indices = choices.num_samples, values["indices"]
    probability = enumeration.probabilities(
        tf.reshape(tf.reduce_sum(values["log_prob"], axis=1), (-1, count)),
        tf.reshape(indices, (-1, count, *indices.shape[1:])),
    )
    weights = tf.stop_gradient(count * tf.reshape(probability, (-1,)))
    return dataclasses.replace(choices, weights=weights)


def most_probable(choices, values):
    """Of the S rollouts of each example the most probable one.

    Args:
        choices: `Choices` with the `weights` of the rollouts.
        values: nested tensors of B * S rows.

    Returns:
        The same structure with B rows.
    """
    count = choices.num_samples
    best = tf.argmax(tf.reshape(choices.weights, (-1, count)), axis=1)
    rows = best + count * tf.range(tf.size(best, tf.int64))
    return keras.tree.map_structure(lambda value: _taken(value, rows), values)


def _taken(value, rows):
    """Some rows of a tensor, and of its Keras mask."""
    taken, mask = tf.gather(value, rows), getattr(value, "_keras_mask", None)
    if mask is not None:
        taken._keras_mask = tf.gather(mask, rows)
    return taken


def _check_mechanism(mechanism, again):
    if mechanism.expectation_rate > 0:
        raise ValueError(
            '`estimator="exact"` takes every item, none of them expected: '
            "leave `expectation_rate` of the hard attention at 0. "
            f"Received: expectation_rate={mechanism.expectation_rate}"
        )
    # How many items are left would depend on how many were equal.
    if mechanism.replacement and mechanism.num_items > 1 and not again:
        raise ValueError(
            '`estimator="exact"` does not take several items with replacement '
            "where none comes again: leave out `replacement` or "
            "`inhibition_of_return`. Received: replacement=True, "
            f"num_items={mechanism.num_items}, inhibition_of_return=True"
        )
