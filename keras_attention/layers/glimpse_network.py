"""The glimpse network: what was seen, and where."""

import functools

import keras
from keras import ops

from keras_attention.layers import parts


@keras.saving.register_keras_serializable("keras_attention")
class GlimpseNetwork(keras.layers.Layer):
    """Joins what a glimpse shows with where it was taken.

    The glimpse network of Mnih et al. 2014, section 4:

        what  = relu(W_what flat(glimpse) + b_what)
        where = relu(W_where location + b_where)
        output = relu(W [what, where] + b)

    (The paper's sum of two linear maps, one of `what`, one of `where`, is one
    linear map of both.)

    Args:
        what_units: width of the layer that reads the glimpse.
        where_units: width of the layer that reads the location.
        units: width of the output.
        what: layer `(B, size, size, channels) -> (B, W)` that reads the
            glimpse instead, such as a `keras.Sequential` of convolutions.
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

    def __init__(
        self, what_units=128, where_units=128, units=256, what=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.what_units = what_units
        self.where_units = where_units
        self.units = units
        dense = functools.partial(keras.layers.Dense, dtype=self.dtype_policy)
        self.what = what or keras.Sequential(
            [
                keras.layers.Flatten(dtype=self.dtype_policy),
                dense(what_units, "relu"),
            ],
            name="what",
        )
        self.where = dense(where_units, "relu", name="where")
        self.joined = dense(units, "relu", name="joined")

    def build(self, glimpse_shape, location_shape=None):
        """Builds the three parts."""
        if not self.what.built:
            self.what.build(glimpse_shape)
        what_units = self.what.compute_output_shape(glimpse_shape)[-1]
        self.where.build((None, 2))
        self.joined.build((None, what_units + self.where_units))

    def call(self, glimpse, location):
        """Reads a batch of glimpses and locations."""
        what, where = self.what(glimpse), self.where(location)
        return self.joined(ops.concatenate([what, where], axis=-1))

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
            **parts.serialized({"what": self.what}),
        }

    @classmethod
    def from_config(cls, config):
        """Makes the layer from the config of its parts."""
        return cls(**parts.deserialized(config))
