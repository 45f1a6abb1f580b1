"""What decides the items of a rollout, drawn before the loop."""

import tensorflow as tf

from keras_attention.policies import distributions, given


def over_rollout(policy, steps, num_all, replacement, seed_generator):
    """Draws what decides k of N items, at each step of each example.

    Args:
        policy: the `scope.Policy` in force.
        steps: (B, T, k); integers, or scalar tensors.
        num_all: N.
        replacement: whether the k items are independent draws.
        seed_generator: a `keras.random.SeedGenerator`.

    Returns:
        Dict of `noise`, Gumbel, to sample with; `random`, to choose uniformly
        with; `indices` (B, T, k) where they are given; and none of them for
        the mode.

    Raises:
        ValueError: if the policy gives indices of another shape or range.
    """
    batch, num_steps, num_items = steps
    if policy.indices is not None:
        indices = tf.cast(policy.indices, "int32")
        _check_range(indices, num_all)
        return {"indices": given.over_time("indices", indices, steps)}
    if policy.name == "center":
        first = tf.maximum((num_all - num_items) // 2, 0)
        middle = tf.minimum(first + tf.range(num_items), num_all - 1)
        return {"indices": tf.broadcast_to(middle, steps)}
    if policy.name == "mode":
        return {}
    drawn = [num_items] if replacement else []
    noise = distributions.standard_gumbel(
        (batch, num_steps, *drawn, num_all), seed_generator
    )
    return {"random" if policy.name == "random" else "noise": noise}


def same_over_rollout(probability, steps, seed_generator):
    """Which examples something happens to, at all steps alike: (B, T).

    Args:
        probability: number in [0, 1].
        steps: (B, T); integers, or scalar tensors.
        seed_generator: a `keras.random.SeedGenerator`.

    Returns:
        (B, T) booleans.
    """
    once = distributions.happens(probability, (steps[0], 1), seed_generator)
    return tf.broadcast_to(once, steps)


def _check_range(indices, num_all):
    """Raises `ValueError` where it is known that there is no such item."""
    known = tf.get_static_value(indices)
    if known is None or not isinstance(num_all, int):
        return
    if ((known < 0) | (known >= num_all)).any():
        raise ValueError(
            f"`policy(indices=...)` must lie in 0 .. {num_all - 1}, there are "
            f"{num_all} items. Received: indices={known.tolist()}"
        )
