"""The terms by which a model learns from a reward: policy, baseline, entropy.

Each is a number for every rollout, (B,). Layers with a `log_prob` have a
policy and a baseline term; those that learn where to look by back-propagation
have an entropy alone.
"""

import tensorflow as tf
from keras import ops

from keras_attention.models.baseline import expected_rewards
from keras_attention.policies import reinforce


def policy_and_baseline_losses(choices, reward, baseline, training):
    """By layer, what its policy and its baseline learn from.

    Args:
        choices: `Choices` of a call.
        reward: its `WeightedReward`.
        baseline: layer, a baseline.
        training: whether the model is trained.

    Returns:
        List of `(policy_loss, baseline_loss)`, each (B,), one pair for each
        layer with a `log_prob`.
    """
    rewarded = choices.rewarded
    if not rewarded:
        return []
    earned = {name: reward.of_choices(of) for name, of in rewarded.items()}
    returns = {name: each for name, (each, _) in earned.items()}
    counts = {name: each for name, (_, each) in earned.items()}
    expected = expected_rewards(
        baseline,
        {name: of["query"] for name, of in rewarded.items()},
        returns,
        counts,
        num_samples=choices.num_samples,
        training=training,
    )
    return [
        (
            reinforce.policy_loss(
                of["log_prob"], returns[name], expected[name], counts[name]
            ),
            reinforce.baseline_loss(
                returns[name], expected[name], counts[name]
            ),
        )
        for name, of in rewarded.items()
    ]


def mean_loss(choices, reward, losses, policy_weight, entropy_bonus):
    """The mean of all terms over the rollouts.

    Args:
        choices: `Choices` of a call.
        reward: its `WeightedReward`.
        losses: what `policy_and_baseline_losses` returned.
        policy_weight: of the policy's terms.
        entropy_bonus: weight of the entropy.

    Returns:
        Scalar.
    """
    each = sum(policy_weight * policy + error for policy, error in losses)
    each -= entropy_bonus * _entropy_sum(choices, reward)
    each = reward.weighted(each)
    # The last batch may leave a replica none.
    return tf.math.divide_no_nan(
        ops.sum(each), ops.cast(ops.size(each), each.dtype)
    )


def entropies(choices, reward):
    """Of each layer that has one, the entropy of every choice.

    Args:
        choices: `Choices` of a call.
        reward: its `WeightedReward`.

    Returns:
        List of `(entropy, counts)`, each (B, T).
    """
    return [
        (of["entropy"], reward.of_choices(of)[1])
        for of in choices.layers.values()
        if "entropy" in of
    ]


def _entropy_sum(choices, reward):
    """The entropy of all choices that count, (B,)."""
    return sum(
        ops.sum(entropy * counts, axis=1)
        for entropy, counts in entropies(choices, reward)
    )


def check_learns(choices, entropy_bonus, supervision):
    """Raises `ValueError` where there is nothing but the compiled loss.

    Args:
        choices: `Choices` of a call.
        entropy_bonus: variable.
        supervision: weight of the supervised loss.
    """
    if choices.rewarded:
        return
    with tf.init_scope():  # to read what a graph does not know
        bonus = float(entropy_bonus.numpy())
    if not choices.layers or not (bonus or supervision):
        raise ValueError(
            "`ReinforceModel` found nothing that learns from a reward: no "
            "layer that chooses has a `log_prob`. Use `keras.Model`, which "
            "trains what learns by back-propagation, or give it a hard "
            'attention layer of `estimator="score_function"` (driven by '
            "`RecurrentAttention`, not by `keras.layers.RNN`), such as "
            "`RecurrentAttention(GlimpseCell(8), num_glimpses=6)`. "
            f"Received: layers that choose={list(choices.layers)}"
        )
