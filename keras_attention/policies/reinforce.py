"""REINFORCE: the gradient of an expected reward through sampled choices.

For choices a_1 .. a_T with log-probabilities log pi(a_t) and a reward R,

    grad E[R] = E[ sum_t grad log pi(a_t) * (R - b_t) ]            (Williams)

for every baseline b_t that does not depend on a_t. It is Mnih et al. 2014,
equation 3. The functions here give losses whose gradients are these.

Reference:
    Williams 1992, Simple statistical gradient-following algorithms,
    https://doi.org/10.1007/BF00992696
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_attention")
def correct_at_end(y_true, y_pred):
    """Reward 1 where the class with the highest score is the true one.

    Args:
        y_true: (B,) or (B, 1) classes, or (B, K) one-hot.
        y_pred: (B, K) scores of the classes.

    Returns:
        (B,) float32 of 0 and 1.

    Raises:
        ValueError: if there are no scores of at least two classes.
    """
    if len(y_pred.shape) != 2 or y_pred.shape[-1] == 1:
        raise ValueError(
            "`correct_at_end` compares the scores of two classes or more. "
            "Give `ReinforceModel` a `reward` of your own for other outputs. "
            f"Received: y_pred.shape={tuple(y_pred.shape)}"
        )
    predicted = ops.argmax(y_pred, axis=-1)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] != 1:
        y_true = ops.argmax(y_true, axis=-1)
    y_true = ops.cast(ops.reshape(y_true, (-1,)), predicted.dtype)
    return ops.cast(ops.equal(predicted, y_true), "float32")


def policy_loss(log_prob, reward, baseline):
    """- sum_t log pi(a_t) * (R - b_t), for each example.

    Args:
        log_prob: (B, T) log-probabilities of the choices.
        reward: (B,), the same for every choice.
        baseline: (B, T) expected rewards; no gradient reaches it.

    Returns:
        (B,) float32.
    """
    advantage = ops.stop_gradient(reward[:, None] - baseline)
    return -ops.sum(log_prob * advantage, axis=-1)


def baseline_loss(reward, baseline):
    """Mean squared error of the baseline over the choices, for each example.

    Args:
        reward: (B,).
        baseline: (B, T).

    Returns:
        (B,) float32.
    """
    error = ops.stop_gradient(reward)[:, None] - baseline
    return ops.mean(ops.square(error), axis=-1)
