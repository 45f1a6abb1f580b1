"""What is read of the items: those that are chosen, or their mixtures.

Convention:
    Items are (B, N, D). The output "gather" has a row for each of k draws,
    (B, k, D); "zero" keeps the N rows in their places, (B, N, D).
"""

import tensorflow as tf


def chosen(items, indices, output):
    """The chosen items, exactly; the others are not read.

    Args:
        items: (B, N, D).
        indices: (B, k) int32, -1 for a row of zeros.
        output: `"gather"` or `"zero"`.

    Returns:
        (B, k, D) or (B, N, D).
    """
    if output == "zero":
        taken = tf.one_hot(indices, tf.shape(items)[1])
        kept = tf.reduce_max(taken, axis=1)[..., None] > 0
        return tf.where(kept, items, tf.zeros_like(items))
    rows = tf.gather(items, tf.maximum(indices, 0), batch_dims=1)
    return tf.where(indices[..., None] >= 0, rows, tf.zeros_like(rows))


def mixed(items, counts, weights, output):
    """The items weighted, in place of k chosen ones.

    With one-hot weights it is `chosen`.

    Args:
        items: (B, N, D).
        counts: (B, N) booleans; what does not count is not read.
        weights: (B, k, N).
        output: `"gather"` or `"zero"`.

    Returns:
        (B, k, D), the sums weights_ji a_i; or (B, N, D), each item times the
        largest of its k weights.
    """
    weights = tf.cast(weights, items.dtype)
    items = tf.where(counts[..., None], items, tf.zeros_like(items))
    if output == "zero":
        return tf.reduce_max(weights, axis=1)[..., None] * items
    return tf.matmul(weights, items)
