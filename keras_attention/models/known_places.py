"""Places that are known: what a policy should have chosen.

With some examples comes the place to look at, or the item: a box that someone
drew, or the centre of what a program put there. The supervised loss is the
negative log-probability of the known place under the policy, in the state that
the rollout was in:

    L = - mean over known (b, t) of log p(place[b, t] | query[b, t])

For a `GaussianLocationPolicy` that is, up to a constant, the squared distance
over 2 stddev^2 from the mean to the place; for items, and for the cells of a
`GridLocationPolicy`, the cross-entropy. The rollout goes where it goes: only
the policy is told where it should have gone.

Convention:
    Places are locations (B, 2), the same for all steps, or (B, T, 2); NaN
    where the place is not known. Of items they are integers (B,) or (B, T),
    -1 where the item is not known. An item that can not be chosen, since it is
    masked or was chosen before, counts as one that is not known.
"""

import numpy as np
import tensorflow as tf

from keras_attention.layers.item_wise_hard_attention import (
    ItemWiseHardAttention,
)
from keras_attention.models.hard_attention import called

_LEAST = 1e-37  # a weight below it counts as this


def split(y, supervised, training):
    """Targets that come with places: `(labels, places)`, a tuple of two.

    Args:
        y: that tuple; in evaluation also the labels alone.
        supervised: whether places come at all.
        training: whether they are needed.

    Returns:
        `(labels, places)`, places None where there are none.

    Raises:
        ValueError: if there are no places in training.
    """
    if supervised and isinstance(y, tuple) and len(y) == 2:
        return y
    if supervised and training:
        raise ValueError(
            "With `supervision` the targets must be a tuple of two, `(labels, "
            "places)`: NaN, or -1 for items, stands for a place that is not "
            f"known. Received: y of type {type(y).__name__}"
        )
    return y, None


def weights(places, sample_weight):
    """Weights of the labels, and those of the places.

    Args:
        places: what `split` returned.
        sample_weight: of all targets, of which Keras gives each target a
            copy; or None.

    Returns:
        `(of_labels, of_places)`, of_places None where they have none of their
        own.
    """
    if places is not None and isinstance(sample_weight, (tuple, list)):
        return sample_weight
    return sample_weight, None


def total_loss(model, attention, places, sample_weight=None):
    """The supervised loss of all hard attention in a model.

    Args:
        model: a `keras.Model`.
        attention: what its layers attended to, by name, as
            `record_attention` gives it.
        places: what each of them should have chosen.
        sample_weight: (B * K,), (B * K, 1), (B * K, T) or None.

    Returns:
        Scalar.

    Raises:
        ValueError: if places or weights do not have the right shape or dtype.
    """
    return total_loss_and_count(model, attention, places, sample_weight)[0]


def total_loss_and_count(model, attention, places, sample_weight=None):
    """As `total_loss`, and how many places are known to all of them."""
    found = [
        _loss_and_count(mechanism, attention[name], places, sample_weight)
        for name, mechanism in taught(model, attention).items()
    ]
    return sum(loss for loss, _ in found), sum(count for _, count in found)


def taught(model, attention):
    """The hard attention that can be told where to look.

    Args:
        model: a `keras.Model`.
        attention: what its layers attended to, by name.

    Returns:
        Dict of some of these names to mechanisms. In an `UntilSure` there
        is none: it ends where it is sure, not where places do.
    """
    parts = called(model, attention)
    return {name: part.mechanism for name, part in parts.items() if part}


def supervised_loss(mechanism, attention, places, sample_weight=None):
    """The mean negative log-probability of the known places.

    Args:
        mechanism: the `ItemWiseHardAttention` or `LocationWiseHardAttention`
            that chose.
        attention: what it attended to, recorded: `query` (B * K, T, Q), and
            of items `attention_weights` (B * K, T, N); for a mechanism
            outside a loop without the T; where a sequence was masked with
            its `mask` (B * K, T).
        places: as the module's convention has them, of B examples. The K
            rollouts of an example are told the same.
        sample_weight: (B * K,), (B * K, 1), (B * K, T) or None.

    Returns:
        Scalar, 0 where no place is known.

    Raises:
        ValueError: if places or weights do not have the right shape or dtype,
            or an item is not one of N. (In a graph `InvalidArgumentError`; XLA
            compiles no such check.)
    """
    return _loss_and_count(mechanism, attention, places, sample_weight)[0]


def _loss_and_count(mechanism, attention, places, sample_weight):
    """The supervised loss, and how many places are known."""
    items = isinstance(mechanism, ItemWiseHardAttention)
    name = "attention_weights" if items else "query"
    seen = attention[name]
    if len(seen.shape) == 2:
        seen = seen[:, None]
    places = _over_time(places, tf.shape(seen), seen.shape[1], items)
    losses, known = (_of_items if items else _of_locations)(
        mechanism, seen, places
    )
    if "mask" in attention:  # the padding of a sequence
        known = tf.logical_and(known, tf.cast(attention["mask"], "bool"))
        losses = tf.where(known, losses, 0.0)
    count = tf.reduce_sum(tf.cast(known, "float32"))
    if sample_weight is not None:
        losses *= _over_steps(sample_weight, losses.shape[1])
    return tf.reduce_sum(losses) / tf.maximum(count, 1.0), count


def _over_steps(sample_weight, num_steps):
    """Weights as (B * K, 1) or (B * K, T)."""
    weight = tf.cast(sample_weight, "float32")
    if weight.shape.rank == 1:
        return weight[:, None]
    if weight.shape.rank != 2 or weight.shape[1] not in (1, None, num_steps):
        raise ValueError(
            "Weights of known places must be (batch,), (batch, 1) or (batch, "
            f"{num_steps}). Received: sample_weight.shape={weight.shape}"
        )
    return weight


def _of_items(mechanism, attention_weights, indices):
    """Losses (B, T), 0 where the item is not known, and where it is."""
    num_all = attention_weights.shape[-1]
    indices = _checked_items(indices, num_all)
    chosen = tf.one_hot(indices, num_all)
    weight = tf.reduce_sum(chosen * attention_weights, axis=-1)
    known = tf.logical_and(indices >= 0, weight > 0)
    log_prob = tf.math.log(tf.maximum(weight, _LEAST))
    return tf.where(known, -log_prob, 0.0), known


def _checked_items(indices, num_all):
    message = (
        f"Known items must be below {num_all}, the number of items, and -1 "
        "where not known."
    )
    values = tf.get_static_value(indices)
    if values is None:  # of a graph
        below = tf.debugging.assert_less(indices, num_all, message)
        with tf.control_dependencies([below]):
            return tf.identity(indices)
    if np.any(values >= num_all):
        raise ValueError(f"{message} Received: {values.max()}")
    return indices


def _of_locations(mechanism, query, location):
    """Losses (B, T), 0 where the place is not known, and where it is."""
    known = tf.reduce_all(tf.math.is_finite(location), axis=-1)
    location = tf.where(known[..., None], location, 0.0)
    steps = tf.shape(query)[:2]
    attention = mechanism.location_policy(
        mechanism.location_network(tf.reshape(query, (-1, query.shape[-1]))),
        choices={"location": tf.reshape(location, (-1, 2))},
    )
    log_prob = tf.reshape(attention["log_prob"], steps)
    return tf.where(known, -log_prob, 0.0), known


def _over_time(places, shape, num_steps, items):
    """Places for every step of every rollout: (B * K, T) or (B * K, T, 2)."""
    places = tf.convert_to_tensor(places)
    expected = _check_places(places, num_steps, items)
    places = tf.cast(places, "int32" if items else "float32")
    if places.shape.rank < len(expected):
        places = places[:, None]
    times = shape[0] // tf.maximum(tf.shape(places)[0], 1)  # none: a replica
    places = tf.repeat(places, times, axis=0)
    return tf.broadcast_to(places, (*tf.unstack(shape[:2]), *expected[2:]))


def _check_places(places, num_steps, items):
    """The shape of places for every step, if these can be laid out so."""
    form, last = ("(batch,)", ()) if items else ("(batch, 2)", (2,))
    each = ", ".join(map(str, ("batch", num_steps, *last)))
    right_kind = places.dtype.is_integer if items else places.dtype.is_floating
    shape = places.shape.as_list()
    steps = shape[1 : len(shape) - len(last)]
    if (
        not right_kind
        or tuple(shape[len(shape) - len(last) :]) != last
        or len(steps) > 1
        or any(None not in (n, num_steps) and n != num_steps for n in steps)
    ):
        kind = "integers, -1" if items else "floating, NaN"
        raise ValueError(
            f"Known {'items' if items else 'locations'} must be {form} or "
            f"({each}) {kind} where not known. "
            f"Received: shape={tuple(shape)}, dtype={places.dtype.name}"
        )
    return ("batch", num_steps, *last)
