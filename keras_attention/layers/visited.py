"""Inhibition of return: which items were chosen, 1 or 0 for each, (B, N)."""

import tensorflow as tf


def unvisited(visited, mask=None):
    """The mask of what may still be chosen.

    Args:
        visited: (B, N) of 0 and 1.
        mask: (B, N) mask of the items, or None.

    Returns:
        (B, N) bool.
    """
    never = visited < 0.5
    if mask is None:
        return never
    return tf.logical_and(never, tf.cast(mask, "bool"))


def visit(visited, indices):
    """Adds what is chosen now.

    Args:
        visited: (B, N) of 0 and 1.
        indices: (B, k) of the items.

    Returns:
        (B, N) of the same dtype.
    """
    chosen = tf.one_hot(indices, visited.shape[1], dtype=visited.dtype)
    return tf.maximum(visited, tf.reduce_max(chosen, axis=1))
