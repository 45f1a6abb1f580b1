"""From scores to attention weights: softmax and sparsemax, with masks.

A score e_i says how much item i matters; the attention weights alpha_i are
the scores normalised, alpha_i >= 0 and sum_i alpha_i = 1:

    softmax     alpha = exp(e) / sum(exp(e))
    sparsemax   alpha = argmin over the simplex of |alpha - e|^2

The softmax gives every item some weight; sparsemax, the Euclidean projection
onto the simplex, gives most of them none.

Convention:
    A mask is True where an item counts. An item that does not count, or
    whose score is NaN or minus infinity, has weight 0 and no gradient; where
    no item counts all weights are 0. Scores of plus infinity share the whole
    weight. So weights are always finite, and one bad score spoils nothing.
"""

import tensorflow as tf

# Beyond this no difference of two scores is finite in float32.
LARGEST_SCORE = 1e30


def masked_softmax(scores, mask=None, axis=-1):
    """Softmax over the items that count.

        alpha_i = exp(e_i) / sum_j exp(e_j)      (Xu et al. 2015, equation 5)

    Args:
        scores: floating tensor; computed in float32 where it is narrower.
        mask: booleans that broadcast to the shape of the scores, or None.
        axis: axis of the items, or a tuple of axes.

    Returns:
        Attention weights, in the shape and dtype of `scores`.

    Raises:
        ValueError: if the scores are not floating, or the mask does not fit.

    Example:
    >>> scores = np.array([[1.0, 2.0, 3.0]], "float32")
    >>> masked_softmax(scores, mask=[[True, True, False]]).numpy().round(3)
    array([[0.269, 0.731, 0.   ]], dtype=float32)
    """
    scores, counts = _counted(scores, mask)
    wide = _wide(scores)
    wide = tf.where(counts, wide, -LARGEST_SCORE)
    largest = tf.stop_gradient(tf.reduce_max(wide, axis, keepdims=True))
    exponentials = tf.where(counts, tf.exp(wide - largest), 0.0)
    total = tf.reduce_sum(exponentials, axis, keepdims=True)
    return tf.cast(tf.math.divide_no_nan(exponentials, total), scores.dtype)


def sparsemax(scores, mask=None, axis=-1):
    """Euclidean projection of the scores onto the simplex.

        alpha_i = max(e_i - tau, 0),   tau such that sum_i alpha_i = 1

    With the scores sorted, e_(1) >= e_(2) >= ..., the support is the largest
    k with 1 + k e_(k) > sum_{j<=k} e_(j), and tau = (sum_{j<=k} e_(j) - 1) / k.

    Args:
        scores: floating tensor; computed in float32 where it is narrower.
        mask: booleans that broadcast to the shape of the scores, or None.
        axis: axis of the items.

    Returns:
        Attention weights, in the shape and dtype of `scores`.

    Raises:
        ValueError: if the scores are not floating, or the mask does not fit.

    Example:
    >>> sparsemax([[0.1, 1.2, 0.8]]).numpy().round(3)
    array([[0. , 0.7, 0.3]], dtype=float32)

    Reference:
        Martins, Astudillo 2016, From softmax to sparsemax, algorithm 1,
        https://arxiv.org/abs/1602.02068
    """
    scores, counts = _counted(scores, mask)
    wide = _wide(scores)
    floor = tf.where(counts, wide, -LARGEST_SCORE)
    largest = tf.stop_gradient(tf.reduce_max(floor, axis, keepdims=True))
    # One below the largest already has weight 0, so two below is far enough,
    # and near enough to lose no digits.
    wide = tf.where(counts, tf.maximum(wide - largest, -2.0), -2.0)
    ordered = tf.sort(wide, axis, direction="DESCENDING")
    sums = tf.cumsum(ordered, axis)
    ranks = tf.cumsum(tf.ones_like(ordered), axis)
    supports = 1 + ranks * ordered > sums
    size = tf.reduce_sum(tf.cast(supports, wide.dtype), axis, keepdims=True)
    total = tf.reduce_sum(tf.where(supports, ordered, 0.0), axis, keepdims=True)
    excess = wide - (total - 1) / size
    weights = tf.where(tf.logical_and(counts, excess > 0), excess, 0.0)
    return tf.cast(weights, scores.dtype)


def _counted(scores, mask):
    """The scores as a tensor, and where they count."""
    scores = tf.convert_to_tensor(scores)
    if not scores.dtype.is_floating:
        raise ValueError(
            "`scores` must be floating. "
            f"Received: scores.dtype={scores.dtype.name}"
        )
    counts = scores > -float("inf")  # false for NaN too
    if mask is None:
        return scores, counts
    mask = tf.cast(mask, "bool")
    _check_broadcast(mask.shape, scores.shape)
    return scores, tf.logical_and(counts, mask)


def _check_broadcast(mask_shape, scores_shape):
    try:
        shape = tf.broadcast_static_shape(mask_shape, scores_shape)
        fits = shape.is_compatible_with(scores_shape)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            "`mask` must broadcast to the shape of the scores. Received: "
            f"mask.shape={mask_shape}, scores.shape={scores_shape}"
        )


def _wide(scores):
    """Scores of at least float32, and none infinite."""
    wide = scores
    if scores.dtype.size < 4:
        wide = tf.cast(scores, "float32")
    return tf.clip_by_value(wide, -LARGEST_SCORE, LARGEST_SCORE)
