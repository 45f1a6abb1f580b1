"""What `keras_attention.policy(...)` gives, laid out over a rollout."""

import tensorflow as tf


def over_time(name, value, shape):
    """One given value for every step of a rollout.

    Args:
        name: the argument of `policy` that gave it, for the errors.
        value: (K,), the same for all; (B, K), one for each example; or
            (B, T, K), one for each step. B and T may be 1.
        shape: (B, T, K); integers, or scalar tensors.

    Returns:
        (B, T, K).

    Raises:
        ValueError: if the value does not have one of these shapes.
    """
    value = tf.convert_to_tensor(value)
    rank, size = value.shape.rank, shape[-1]
    if rank not in (1, 2, 3) or value.shape[-1] != size:
        raise ValueError(
            f"`policy({name}=...)` takes ({size},), (batch, {size}) or "
            f"(batch, steps, {size}). Received: {name}.shape={value.shape}"
        )
    if rank == 2:
        value = value[:, None]
    known = [tf.get_static_value(size) for size in shape]
    for given, size in zip(value.shape[::-1], known[::-1], strict=False):
        if None not in (given, size) and given not in (1, size):
            raise ValueError(
                f"`policy({name}=...)` does not fit the batch and the number "
                f"of steps. Received: {name}.shape={value.shape}, needed "
                f"(batch, steps, {shape[-1]})={tuple(known)}"
            )
    return tf.broadcast_to(value, shape)
