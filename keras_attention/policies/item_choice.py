"""Choosing k of N items by their scores, and the probability of the choice.

With replacement the items are k independent draws from the attention weights
alpha. Without, they are k distinct ones, drawn one after the other from what
is left (Plackett and Luce):

    p(i_1 .. i_k) = prod_j exp(e_(i_j)) / sum_(i not in i_1 .. i_(j-1)) exp(e_i)

Adding Gumbel noise to the scores and taking the k largest draws from it, in
one step (Kool et al. 2019). The log-probability is that of the items in the
order in which they were drawn: that is what was sampled, whether or not the
order matters to what reads them.

Convention:
    Scores are (B, N) float32, `counts` (B, N) booleans, False where an item
    is masked or its score is no number. Indices are (B, k) int32; -1 says
    that no item was left to choose, and adds nothing to the log-probability.

Reference:
    Kool, van Hoof, Welling 2019, Stochastic beams and where to find them,
    https://arxiv.org/abs/1903.06059
"""

import tensorflow as tf

_NEVER = -1e35  # below every score that counts


def choose_distinct(scores, counts, num_items, noise=None):
    """The k items with the largest scores: a sample where noise is given.

    Args:
        scores: (B, N).
        counts: (B, N) booleans.
        num_items: k, at most N.
        noise: (B, N) standard Gumbel noise, or None for the mode.

    Returns:
        (B, k) int32.
    """
    if noise is not None:
        scores += noise
    scores = tf.where(counts, scores, _NEVER)
    _, indices = tf.math.top_k(scores, num_items)
    return known(indices, counts)


def choose_with_replacement(scores, counts, num_items, noise=None):
    """Items drawn k times independently; the same one k times for the mode.

    Args:
        scores: (B, N).
        counts: (B, N) booleans.
        num_items: k.
        noise: (B, k, N) standard Gumbel noise, or None for the mode.

    Returns:
        (B, k) int32.
    """
    scores = tf.repeat(scores[:, None], num_items, axis=1)
    if noise is not None:
        scores += noise
    scores = tf.where(counts[:, None], scores, _NEVER)
    return known(tf.argmax(scores, axis=-1, output_type="int32"), counts)


def known(indices, counts):
    """The indices, with -1 in place of those of items that do not count."""
    valid = tf.gather(counts, tf.maximum(indices, 0), batch_dims=1)
    return tf.where(tf.logical_and(valid, indices >= 0), indices, -1)


def log_prob(scores, counts, indices, replacement):
    """Log-probability of items in the order in which they were chosen.

    Args:
        scores: (B, N).
        counts: (B, N) booleans.
        indices: (B, k) int32.
        replacement: whether an item can be chosen again.

    Returns:
        (B,) float32, with a gradient to the scores.
    """
    scores = tf.where(counts, scores, _NEVER)
    chosen = tf.one_hot(indices, tf.shape(scores)[1])  # (B, k, N)
    left = scores[:, None] + tf.zeros_like(chosen)
    if not replacement:
        gone = tf.cumsum(chosen, axis=1, exclusive=True) > 0
        left = tf.where(gone, _NEVER, left)
    score = tf.reduce_sum(chosen * left, axis=-1)
    terms = score - tf.reduce_logsumexp(left, axis=-1)
    return tf.reduce_sum(tf.where(indices >= 0, terms, 0.0), axis=-1)


def entropy(attention_weights):
    """Entropy of one draw, - sum_i alpha_i log alpha_i, in nats: (B,)."""
    positive = tf.where(attention_weights > 0, attention_weights, 1.0)
    return -tf.reduce_sum(attention_weights * tf.math.log(positive), axis=-1)
