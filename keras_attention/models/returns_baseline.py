"""Baselines that are computed from the rewards of other rollouts."""

import keras
from keras import ops


class ReturnsBaseline(keras.layers.Layer):
    """Expects for a choice what other choices earned.

    No such baseline depends on the choice that it is compared with, so each
    leaves the policy gradient unbiased. To write one, implement
    `expected(index, returns, counts, num_samples, training)`.

    Args:
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        returns: dict of the names of attention layers to (B, T), what came
            after each choice.
        counts: dict of the same names to (B, T), 1 where a choice counts.
        num_samples: number K of rollouts of the same input; their rows follow
            one another.
        training: whether the model is trained.

    Output:
        Dict of the same names to (B, T), in float32.
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def build(self, queries_shape):
        """Nothing is learned: makes no weights."""

    def call(self, returns, counts, num_samples=1, training=False):
        """Expected rewards, for every choice."""
        # In their order: a model that is loaded may name its layers anew.
        return {
            name: self.expected(
                index, values, counts[name], num_samples, training
            )
            for index, (name, values) in enumerate(returns.items())
        }

    def expected(self, index, returns, counts, num_samples, training):
        """Expected rewards of the choices of one attention layer.

        Args:
            index: the number of the layer.
            returns: (B, T).
            counts: (B, T).
            num_samples: K.
            training: whether the model is trained.

        Returns:
            (B, T).
        """
        raise NotImplementedError


@keras.saving.register_keras_serializable("keras_attention")
class NoBaseline(ReturnsBaseline):
    """Expects nothing: the policy learns from the reward itself.

        baseline[b, t] = 0

    Args:
        **kwargs: of `keras.layers.Layer`.
    """

    def expected(self, index, returns, counts, num_samples, training):
        """Zeros."""
        return ops.zeros_like(returns)


@keras.saving.register_keras_serializable("keras_attention")
class BatchMeanBaseline(ReturnsBaseline):
    """Expects what the other examples of the batch earned on average.

        baseline[b, t] = mean_(c != b) R[c, t]

    The rollout itself is left out: a mean that holds its own reward depends
    on its own choice, and would bias the gradient (by 1 / B). Of one rollout
    alone nothing is expected. Under `tf.distribute` the mean is over the
    batch of one replica.

    Args:
        **kwargs: of `keras.layers.Layer`.
    """

    def expected(self, index, returns, counts, num_samples, training):
        """The mean of the other rows."""
        return _mean_of_others(returns, counts, axis=0)


@keras.saving.register_keras_serializable("keras_attention")
class LeaveOneOutBaseline(ReturnsBaseline):
    """Expects what the other rollouts of the same input earned on average.

        baseline[b, k, t] = mean_(j != k) R[b, j, t]        k = 1 .. K

    It knows how hard the input is without having learned it. In evaluation,
    where there is one rollout, nothing is expected.

    Args:
        **kwargs: of `keras.layers.Layer`.

    Reference:
        Kool, van Hoof, Welling 2019, Buy 4 REINFORCE samples, get a baseline
        for free!, https://openreview.net/forum?id=r1lgTGL5DE
    """

    def expected(self, index, returns, counts, num_samples, training):
        """The mean of the other rollouts."""
        steps = returns.shape[1]
        shape = (
            -1,
            num_samples,
            ops.shape(returns)[1] if steps is None else steps,
        )
        means = _mean_of_others(
            ops.reshape(returns, shape), ops.reshape(counts, shape), axis=1
        )
        return ops.reshape(means, (-1, shape[-1]))


@keras.saving.register_keras_serializable("keras_attention")
class MovingAverageBaseline(ReturnsBaseline):
    """Expects what earlier batches earned, the last ones most.

        average[t] <- momentum * average[t] + (1 - momentum) * mean_b R[b, t]
        baseline[b, t] = average[t] / (1 - momentum^n)

    after n batches; nothing is expected before the first. The average is
    used first and updated then, so it does not depend on the choices of this
    batch. Each choice has its own; where the number of choices is not known
    beforehand, all share one. Under `tf.distribute` each replica has its own.

    Args:
        momentum: how much of the average each batch leaves, in [0, 1).
        **kwargs: of `keras.layers.Layer`.

    Raises:
        ValueError: for a momentum out of range.
    """

    def __init__(self, momentum=0.95, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= momentum < 1:
            raise ValueError(
                "`momentum` must be at least 0 and below 1. "
                f"Received: momentum={momentum}"
            )
        self.momentum = momentum

    def build(self, queries_shape):
        """An average for each choice of each attention layer."""
        # Each replica has averages of its own; a file gets their mean.
        self.averages = [
            keras.Variable(
                "zeros",
                shape=(2, shape[1] or 1),
                dtype="float32",
                trainable=False,
                autocast=False,
                synchronization="on_read",
                aggregation="mean",
                name=f"average_{index}",
            )
            for index, shape in enumerate(queries_shape.values())
        ]

    def expected(self, index, returns, counts, num_samples, training):
        """The average of earlier batches."""
        average = self.averages[index]
        expected = ops.divide_no_nan(average[0], average[1])
        if training:  # after it was read: a variable is read when used
            average.assign(self._updated(average, returns, counts))
        return ops.zeros_like(returns) + expected

    def get_config(self):
        """The arguments of the constructor."""
        return {**super().get_config(), "momentum": self.momentum}

    def _updated(self, average, returns, counts):
        """[average, 1 - momentum^n] after this batch."""
        axis = 0 if average.shape[1] == returns.shape[1] else (0, 1)
        number = ops.sum(counts, axis=axis)
        mean = ops.divide_no_nan(ops.sum(returns * counts, axis=axis), number)
        now = ops.stack([mean, ops.ones_like(mean)])
        now = ops.reshape(now, average.shape)
        updated = self.momentum * average + (1 - self.momentum) * now
        return ops.where(ops.reshape(number, (1, -1)) > 0, updated, average)


def _mean_of_others(values, counts, axis):
    """For each entry along an axis the mean of the others that count."""
    values = values * counts
    total = ops.sum(values, axis=axis, keepdims=True) - values
    number = ops.sum(counts, axis=axis, keepdims=True) - counts
    return ops.divide_no_nan(total, number)
