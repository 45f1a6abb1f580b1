"""The glimpse network: what was seen, and where."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_attention")
class GlimpseNetwork(keras.layers.Layer):
    """Joins what a glimpse shows with where it was taken.

    The glimpse network of Mnih et al. 2014, section 4:

        what  = relu(W_what flat(glimpse) + b_what)
        where = relu(W_where location + b_where)
        output = relu(W_1 what + b_1 + W_2 where + b_2)

    Args:
        what_units: width of the layer that reads the glimpse.
        where_units: width of the layer that reads the location.
        units: width of the output.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        glimpse: (B, size, size, channels).
        location: (B, 2).

    Output shape:
        (B, units).

    Example:

    >>> network = GlimpseNetwork()
    >>> glimpse = np.zeros((2, 8, 8, 1), "float32")
    >>> network(glimpse, np.zeros((2, 2), "float32")).shape
    TensorShape([2, 256])

    Reference:
        Mnih, Heess, Graves, Kavukcuoglu 2014, Recurrent Models of Visual
        Attention, https://arxiv.org/abs/1406.6247
    """

    def __init__(self, what_units=128, where_units=128, units=256, **kwargs):
        super().__init__(**kwargs)
        self.what_units = what_units
        self.where_units = where_units
        self.units = units
        dense = keras.layers.Dense
        self.what = dense(what_units, "relu", name="what", dtype=self.dtype_policy)
        self.where = dense(
            where_units, "relu", name="where", dtype=self.dtype_policy
        )
        self.from_what = dense(units, name="from_what", dtype=self.dtype_policy)
        self.from_where = dense(
            units, name="from_where", dtype=self.dtype_policy
        )

    def build(self, glimpse_shape, location_shape=None):
        """Builds the four dense layers."""
        pixels = glimpse_shape[1] * glimpse_shape[2] * glimpse_shape[3]
        self.what.build((None, pixels))
        self.where.build((None, 2))
        self.from_what.build((None, self.what_units))
        self.from_where.build((None, self.where_units))

    def call(self, glimpse, location):
        """Reads a batch of glimpses and locations."""
        pixels = self.what.kernel.shape[0]
        what = self.what(ops.reshape(glimpse, (-1, pixels)))
        where = self.where(location)
        return ops.relu(self.from_what(what) + self.from_where(where))

    def compute_output_shape(self, glimpse_shape, location_shape=None):
        """(B, units)."""
        return (glimpse_shape[0], self.units)

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "what_units": self.what_units,
            "where_units": self.where_units,
            "units": self.units,
        }
