"""What reward to expect of a choice: learned, or by one of several names."""

import keras
import tensorflow as tf
from keras import ops

from keras_attention.models import returns_baseline
from keras_attention.models.returns_baseline import ReturnsBaseline
from keras_attention.ops.checks import check_option


@keras.saving.register_keras_serializable("keras_attention")
class LearnedBaseline(keras.layers.Layer):
    """Expects a reward at every choice: a linear function of its query.

        baseline[b, t] = w . query[b, t] + c

    The query is what the choice was made from, so the baseline does not
    depend on the choice and leaves the policy gradient unbiased. No gradient
    reaches the query. Each attention layer of a model has its own w and c.

    Args:
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        queries: dict of the names of attention layers to (B, T, Q).

    Output:
        Dict of the same names to (B, T), in float32.

    Reference:
        Mnih, Heess, Graves, Kavukcuoglu 2014, Recurrent Models of Visual
        Attention, https://arxiv.org/abs/1406.6247
    """

    def build(self, queries_shape):
        """One dense layer for each attention layer."""
        self.heads = {
            name: keras.layers.Dense(1, name=name, dtype="float32")
            for name in queries_shape
        }
        for name, shape in queries_shape.items():
            self.heads[name].build(shape)

    def call(self, queries):
        """Expected rewards, for every choice."""
        # In their order: a model that is loaded may name its layers anew.
        heads = zip(queries.items(), self.heads.values(), strict=True)
        return {
            name: head(ops.stop_gradient(query))[..., 0]
            for (name, query), head in heads
        }

    def compute_output_spec(self, queries):
        """What `call` returns: float32, whatever the dtype policy."""
        return {
            name: keras.KerasTensor(query.shape[:-1], dtype="float32")
            for name, query in queries.items()
        }

    def compute_output_shape(self, queries_shape):
        """(B, T) for each name."""
        return {name: shape[:-1] for name, shape in queries_shape.items()}


NAMES = {
    "learned": LearnedBaseline,
    "moving_average": returns_baseline.MovingAverageBaseline,
    "batch_mean": returns_baseline.BatchMeanBaseline,
    "leave_one_out": returns_baseline.LeaveOneOutBaseline,
    "none": returns_baseline.NoBaseline,
}


def make_baseline(baseline, num_samples):
    """The layer of a name; a layer is returned as it is.

    Args:
        baseline: one of `NAMES`, or a layer.
        num_samples: number of rollouts of each input in training.

    Returns:
        Layer.

    Raises:
        ValueError: for another name, or a baseline of the other rollouts
            where there is only one.
    """
    if isinstance(baseline, str) or not callable(baseline):
        check_option("baseline", baseline, tuple(NAMES))
        baseline = NAMES[baseline](name="baseline")
    alone = isinstance(baseline, returns_baseline.LeaveOneOutBaseline)
    if alone and num_samples < 2:
        raise ValueError(
            '`baseline="leave_one_out"` compares the rollouts of the same '
            "input: give `num_samples` of 2 or more. "
            f"Received: num_samples={num_samples}"
        )
    return baseline


def expected_rewards(baseline, queries, returns, counts, **call):
    """What a baseline expects, from what it looks at.

    Args:
        baseline: a `ReturnsBaseline`, or a layer of the queries, which no
            gradient reaches.
        queries: dict of the names of attention layers to (B, T, Q).
        returns: dict of the same names to (B, T).
        counts: dict of the same names to (B, T).
        **call: `num_samples` and `training`.

    Returns:
        Dict of the same names to (B, T), in float32.

    Raises:
        ValueError: if a layer expects something of another shape.
    """
    if isinstance(baseline, ReturnsBaseline):
        expected = baseline(returns, counts, **call)
    else:
        expected = baseline(
            {name: ops.stop_gradient(query) for name, query in queries.items()}
        )
    expected = {
        name: ops.cast(values, "float32") for name, values in expected.items()
    }
    for name, values in returns.items():
        _check_shape(name, expected[name], values)
    return expected


def _check_shape(name, expected, returns):
    if not tf.TensorShape(returns.shape).is_compatible_with(expected.shape):
        raise ValueError(
            "`baseline` must expect one reward of each choice, (batch, steps)="
            f"{tuple(returns.shape)} for {name!r}. "
            f"Received: shape={tuple(expected.shape)}"
        )
