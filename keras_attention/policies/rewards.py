"""Rewards: what a rollout of choices was good for.

A reward is a function `(y_true, y_pred) -> (B,)`, one number for the whole
rollout, or `-> (B, T)`, one after each of T choices. Choice t is credited
with what came after it: the reward of the rollout, or the sum of the rewards
from step t on. `y_pred` is what the model returns, scores of the classes:
(B, K), or (B, T, K) where it predicts after every choice. Any such function
is a reward; these are the common ones.

Where steps of a sequence are padding, rewards and choices there count for
nothing: `models.ReinforceModel` knows them by the Keras mask of `y_pred`, and
by sample weights (B, T) that are 0. A reward that is NaN or infinite counts
for nothing either.

Convention:
    The true class is (B,) or (B, 1), or one-hot (B, K). For predictions
    (B, T, K) it may be given for each step: (B, T), (B, T, 1) or one-hot
    (B, T, K). With T = K, (B, T) is read as one class for each step.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_attention")
def correct_at_end(y_true, y_pred):
    """Reward 1 where the class with the highest score is the true one.

    Args:
        y_true: the true class, in the forms above.
        y_pred: (B, K) scores of the classes, or (B, T, K), of which the last
            step is read that their Keras mask keeps.

    Returns:
        (B,) float32 of 0 and 1; NaN, which counts for nothing, where the true
        class is none of the K, such as one that a loss ignores.

    Raises:
        ValueError: if there are no scores of at least two classes.

    Example:
    >>> rewards = keras_attention.rewards
    >>> scores = np.array([[0.1, 0.9], [2.0, 1.0]])
    >>> rewards.correct_at_end(np.array([1, 1]), scores).numpy()
    array([1., 0.], dtype=float32)
    """
    classes, scores = _at_end("correct_at_end", y_true, y_pred)
    predicted = ops.cast(ops.argmax(scores, axis=-1), "int32")
    right = ops.cast(ops.equal(predicted, classes), "float32")
    return _of_classes(right, classes, scores)


@keras.saving.register_keras_serializable("keras_attention")
def log_likelihood(y_true, y_pred):
    """The log-probability of the true class, at the end.

        R = log softmax(y_pred)[y_true]

    It is never above 0, and tells a near miss from a far one.

    Args:
        y_true: the true class, in the forms above.
        y_pred: (B, K) scores of the classes, or (B, T, K), of which the last
            step is read that their Keras mask keeps.

    Returns:
        (B,) float32; NaN where the true class is none of the K.

    Raises:
        ValueError: if there are no scores of at least two classes.

    Example:
    >>> scores = np.log([[0.25, 0.75]])
    >>> reward = keras_attention.rewards.log_likelihood(np.array([1]), scores)
    >>> np.exp(reward).round(4)
    array([0.75], dtype=float32)

    Reference:
        Ba, Mnih, Kavukcuoglu 2015, Multiple Object Recognition with Visual
        Attention, https://arxiv.org/abs/1412.7755
    """
    classes, scores = _at_end("log_likelihood", y_true, y_pred)
    return _log_probability(classes, scores)


@keras.saving.register_keras_serializable("keras_attention")
def log_likelihood_gain(y_true, y_pred):
    """What each step adds to the log-probability of the true class.

        r[t] = log p[t](y_true) - log p[t - 1](y_true),    p[0] = 1 / K

    A dense reward: the model predicts after every choice. The choice at step
    t is credited with log p[T] - log p[t - 1], all that is gained from it on.

    Args:
        y_true: the true class, in the forms above.
        y_pred: (B, T, K) scores of the classes after every step.

    Returns:
        (B, T) float32; its sum is the log-likelihood at the end + log K. NaN
        at a step whose true class is none of the K, and at the one after it.

    Raises:
        ValueError: if there are no scores of at least two classes for every
            step.

    Example:
    >>> scores = np.log([[[0.5, 0.5], [0.25, 0.75]]])
    >>> gain = keras_attention.rewards.log_likelihood_gain
    >>> gain(np.array([1]), scores).numpy().round(4)
    array([[0.    , 0.4055]], dtype=float32)
    """
    _check_scores("log_likelihood_gain", y_pred, ranks=(3,))
    y_pred = ops.convert_to_tensor(y_pred)
    classes = _classes(ops.convert_to_tensor(y_true), y_pred)
    found = _log_probability(classes, y_pred)  # (B, T)
    start = ops.full_like(found[:, :1], -ops.log(float(y_pred.shape[-1])))
    return found - ops.concatenate([start, found[:, :-1]], axis=1)


def _at_end(name, y_true, y_pred):
    """The true classes (B,) and the scores (B, K) of the last step."""
    _check_scores(name, y_pred, ranks=(2, 3))
    y_pred = ops.convert_to_tensor(y_pred)
    classes = _classes(ops.convert_to_tensor(y_true), y_pred)
    if len(y_pred.shape) == 2:
        return classes, y_pred
    mask = getattr(y_pred, "_keras_mask", None)
    if mask is None or len(mask.shape) != 2:
        return classes[:, -1], y_pred[:, -1]
    classes, y_pred, mask = (ops.flip(x, 1) for x in (classes, y_pred, mask))
    last = ops.argmax(ops.cast(mask, "int32"), axis=1)[:, None]
    return (
        ops.take_along_axis(classes, last, axis=1)[:, 0],
        ops.take_along_axis(y_pred, last[..., None], axis=1)[:, 0],
    )


def _classes(y_true, y_pred):
    """The true classes as int32, in the shape of the predictions less K."""
    steps, num_classes = y_pred.shape[1:-1], y_pred.shape[-1]
    rank, last = len(y_true.shape), y_true.shape[-1]
    one_hot = rank > 1 and last == num_classes
    if one_hot and (rank == len(y_pred.shape) or steps != (last,)):
        y_true = ops.argmax(y_true, axis=-1)
    elif rank > 1 and last == 1:
        y_true = y_true[..., 0]
    classes = ops.cast(y_true, "int32")
    if len(steps) == len(classes.shape):  # one class for all steps
        classes = classes[:, None] + ops.zeros_like(y_pred[..., 0], "int32")
    return classes


def _log_probability(classes, scores):
    log_probs = ops.log_softmax(ops.cast(scores, "float32"), axis=-1)
    chosen = ops.one_hot(classes, scores.shape[-1], dtype="float32")
    found = ops.sum(ops.where(chosen > 0, log_probs, 0.0), axis=-1)
    return _of_classes(found, classes, scores)


def _of_classes(rewards, classes, scores):
    """Rewards, NaN where the true class is none of those that are scored."""
    known = ops.logical_and(classes >= 0, classes < scores.shape[-1])
    return ops.where(known, rewards, float("nan"))


def _check_scores(name, y_pred, ranks):
    shape = getattr(y_pred, "shape", None)
    if shape is not None and len(shape) in ranks and shape[-1] != 1:
        return
    each = "every step" if ranks == (3,) else "the end"
    raise ValueError(
        f"`{name}` compares the scores of two classes or more, at {each}. "
        "Give `ReinforceModel` a `reward` of your own for other outputs. "
        f"Received: y_pred.shape={shape and tuple(shape)}"
    )
