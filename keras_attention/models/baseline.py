"""The learned baseline: what reward to expect, seen from the query."""

import keras
from keras import ops


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
