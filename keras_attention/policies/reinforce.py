"""REINFORCE: the gradient of an expected reward through sampled choices.

For choices a_1 .. a_T with log-probabilities log pi(a_t) and rewards that add
up to R, of which R_t comes after choice t,

    grad E[R] = E[ sum_t grad log pi(a_t) * (R_t - b_t) ]          (Williams)

for every baseline b_t that does not depend on a_t. It is Mnih et al. 2014,
equation 3. The functions here give losses whose gradients are these.

Convention:
    `reward` is (B,), one for the whole rollout, and then R_t is R; or (B, T),
    the returns R_t themselves. `counts` is (B, T), 1 where a choice counts
    and 0 where it does not, such as in the padding of a sequence; None
    counts all.

Reference:
    Williams 1992, Simple statistical gradient-following algorithms,
    https://doi.org/10.1007/BF00992696
"""

from keras import ops


def returns(rewards):
    """What comes after each choice: the sum of the rewards from it on.

        R_t = r_t + r_(t+1) + .. + r_T

    Args:
        rewards: (B, T), the reward after each choice.

    Returns:
        (B, T).
    """
    return ops.flip(ops.cumsum(ops.flip(rewards, axis=1), axis=1), axis=1)


def policy_loss(log_prob, reward, baseline, counts=None):
    """- sum_t log pi(a_t) * (R_t - b_t), for each example.

    Args:
        log_prob: (B, T) log-probabilities of the choices.
        reward: (B,), the same for every choice, or (B, T).
        baseline: (B, T) expected rewards; no gradient reaches it.
        counts: (B, T), or None.

    Returns:
        (B,) float32.
    """
    advantage = ops.stop_gradient(_over_choices(reward) - baseline)
    return -ops.sum(_counted(log_prob * advantage, counts), axis=-1)


def baseline_loss(reward, baseline, counts=None):
    """Mean squared error of the baseline over the choices, for each example.

    Args:
        reward: (B,), or (B, T).
        baseline: (B, T).
        counts: (B, T), or None.

    Returns:
        (B,) float32; 0 where no choice counts.
    """
    error = ops.stop_gradient(_over_choices(reward)) - baseline
    squared = ops.square(error)
    if counts is None:
        return ops.mean(squared, axis=-1)
    total = ops.sum(_counted(squared, counts), axis=-1)
    return ops.divide_no_nan(total, ops.sum(counts, axis=-1))


def _over_choices(reward):
    return reward[:, None] if len(reward.shape) == 1 else reward


def _counted(values, counts):
    if counts is None:
        return values
    return ops.where(counts > 0, values, 0.0)
