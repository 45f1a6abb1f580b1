"""Rewards with their weights: what counts, and how much of it each choice got.

A reward counts where it is finite, its step is not masked, and its weight is
not 0. A choice counts where a reward that counts comes after it: choices in
the padding at the end of a sequence earn nothing, and learn nothing.
"""

import keras
import tensorflow as tf
from keras import ops

from keras_attention.policies import reinforce


class WeightedReward:
    """The rewards of a batch.

    Attributes:
        values: (B,) or (B, T) float32, finite; 0 where it does not count, and
            multiplied by the weights of the steps.
        example_weight: (B,), or None.
        counts: (B, 1) or (B, T), 1 for the choices that count.
        total: (B,), the whole reward of each example.

    Args:
        reward: (B,) or (B, T).
        y_pred: the predictions that were rewarded, with their Keras mask.
        sample_weight: (B,), (B, 1), (B, T) or None.

    Raises:
        ValueError: if there is not one reward for each prediction.
    """

    def __init__(self, reward, y_pred, sample_weight=None):
        reward = ops.cast(ops.convert_to_tensor(reward), "float32")
        first = keras.tree.flatten(y_pred)[0]
        _check_shape(reward, first)
        known = ops.isfinite(reward)
        self.example_weight, steps = _weights(sample_weight, first)
        rewarded = ops.cast(known, "float32")
        reward = ops.stop_gradient(ops.where(known, reward, 0.0))
        if len(reward.shape) == 1:
            self.values = self.total = reward
            rewarded = rewarded[:, None]
        else:
            self.values = reward if steps is None else reward * steps
            self.total = ops.sum(self.values, axis=1)
        if steps is not None:
            rewarded *= steps
        # Whether anything that counts comes from here on.
        self.counts = ops.cast(reinforce.returns(rewarded) > 0, "float32")

    def metric_weight(self):
        """The weight of each example in a metric, (B,)."""
        return self.weighted(self.counts[:, 0])

    def weighted(self, values):
        """Values of the examples, (B,) or (B, T), times their weights."""
        if self.example_weight is None:
            return values
        ones = (1,) * (len(values.shape) - 1)
        weight = ops.cast(self.example_weight, values.dtype)
        return values * ops.reshape(weight, (-1, *ones))

    def of_choices(self, chosen):
        """What each choice of a layer earned, and whether it counts.

        Args:
            chosen: what the layer chose, (B, T, ...) tensors by name; where
                a sequence was masked with its `mask`.

        Returns:
            `(returns, counts)`, each (B, T).

        Raises:
            ValueError: if there are rewards for another number of choices.
        """
        zeros = ops.zeros_like(chosen["query"][..., 0], "float32")  # (B, T)
        counts = _of_steps(self.counts, zeros) + zeros
        if "mask" in chosen:
            counts *= ops.cast(chosen["mask"], "float32")
        if len(self.values.shape) == 1:
            return self.total[:, None] + zeros, counts
        _check_steps(self.values.shape, zeros.shape[1])
        returns = _of_steps(reinforce.returns(self.values), zeros)
        if zeros.shape[1] != 1:  # of a graph: other numbers fail here
            returns = tf.ensure_shape(returns, (None, zeros.shape[1]))
        return returns + zeros, counts


def _of_steps(values, choices):
    """What comes after every choice: all, after one outside the steps."""
    steps, num_choices = ops.shape(values)[1], ops.shape(choices)[1]
    if num_choices == 1:
        return values[:, :1]
    if isinstance(steps, int) and isinstance(num_choices, int):
        return values if steps == num_choices else values[:, :1]
    return values[:, : tf.where(tf.equal(steps, num_choices), steps, 1)]


def _weights(sample_weight, y_pred):
    """Weights of the examples (B,), and of their steps (B, T); or None."""
    steps = getattr(y_pred, "_keras_mask", None)
    if steps is not None:
        steps = ops.cast(steps, "float32") if len(steps.shape) == 2 else None
    if sample_weight is None:
        return None, steps
    weight = ops.cast(_only(sample_weight), "float32")
    if len(weight.shape) != 2 or weight.shape[1] == 1:
        return ops.reshape(weight, (-1,)), steps
    if steps is not None:
        weight *= steps
    largest = ops.max(weight, axis=1)
    return largest, ops.divide_no_nan(weight, largest[:, None])


def _only(sample_weight):
    weights = keras.tree.flatten(sample_weight)
    if len(weights) != 1:
        raise ValueError(
            "`ReinforceModel` weighs one reward for each example: give one "
            f"`sample_weight`. Received: {len(weights)} of them"
        )
    return weights[0]


def _check_shape(reward, y_pred):
    shape, batch = tuple(reward.shape), y_pred.shape[0]
    fits = len(shape) in (1, 2) and (
        None in (shape[0], batch) or shape[0] == batch
    )
    if not fits:
        raise ValueError(
            "`reward` must return one number for each example, (batch,), or "
            f"one after each choice, (batch, steps), with batch={batch}. "
            f"Received: reward.shape={shape}"
        )


def _check_steps(shape, steps):
    if steps != 1 and None not in (shape[1], steps) and shape[1] != steps:
        raise ValueError(
            "`reward` must return one number for each example, (batch,), or "
            f"one after each choice, (batch, {steps}). "
            f"Received: reward.shape={tuple(shape)}"
        )
