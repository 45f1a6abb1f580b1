"""Scores: how much each item, or place of a map, matters to a query.

A score e_i compares an item a_i with a query h, usually the state of a
recurrent cell. What depends on the items alone is computed by `prepare`, once
for all steps of a loop; a call then adds the query.

    additive       e_i = v . tanh(W_a a_i + W_h h + b)     (Xu et al. 2015)
    general        e_i = a_i . W h                         (Luong et al. 2015)
    scaled_dot     e_i = a_i . h / sqrt(D)                 (Vaswani et al. 2017)
    state          e_i = w_i . h + b_i                     (Sharma et al. 2015)
    convolutional  e   = v * tanh(W_a * a + W_h h + b)     (* a convolution)
    gaussian       e_i = -|l_i - c|^2 / (2 s^2)            (c, s from h)

The softmax of the Gaussian score is the Gaussian mask around c, normalised.

Convention:
    Items are (B, N, D), maps (B, H, W, D): scores have the same axes without
    the last, in float32. A place of a map is l = (x, y), (-1, -1) the centre
    of the top-left place and (1, 1) that of the bottom-right one.
"""

import math

import keras
import tensorflow as tf

from keras_attention.ops.checks import check_count, check_option


def make_score(name, names, units, dtype):
    """Makes a score by its name.

    Args:
        name: a key of `SCORES`.
        names: those that fit the layer that asks.
        units: hidden width, or several, of the scores that have any.
        dtype: dtype policy of the score.

    Returns:
        A layer `(prepare(inputs), query) -> scores`.

    Raises:
        ValueError: if the name is not one of `names`, or for wrong units.
    """
    check_option("score", name, names)
    score = SCORES[name]
    if score not in (AdditiveScore, ConvolutionalScore):
        return score(dtype=dtype)
    widths = list(units) if isinstance(units, (list, tuple)) else [units]
    if not widths:
        raise ValueError("`units` must not be empty. Received: units=()")
    for width in widths:
        check_count("units", width)
    return score(widths, dtype=dtype)


class Score(keras.layers.Layer):
    """A layer `(prepare(inputs), query) -> scores`, built on their shapes."""

    needs_query = True

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True

    def build(self, inputs_shape, query_shape=None):
        """Makes the weights, where the score has any."""

    def prepare(self, inputs):
        """Computes once what every query needs of the same inputs."""
        return inputs

    def check(self, inputs_shape, query_shape):
        """Raises `ValueError` where the query is missing, or does not fit."""
        if query_shape is None and self.needs_query:
            raise ValueError(
                f"The score {_name(self)!r} needs a `query`. "
                "Received: query=None"
            )


class AdditiveScore(Score):
    """v . tanh(W_a a_i + W_h h + b), with further hidden layers on demand."""

    needs_query = False

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.widths = units
        dense = keras.layers.Dense
        self.of_items = dense(units[0], dtype=self.dtype_policy)
        self.of_query = dense(units[0], use_bias=False, dtype=self.dtype_policy)
        self.hidden = [
            dense(width, "tanh", dtype=self.dtype_policy) for width in units[1:]
        ]
        self.last = dense(1, use_bias=False, dtype="float32")

    def build(self, inputs_shape, query_shape=None):
        """Builds the projections of items and query, and what follows."""
        self.of_items.build(inputs_shape)
        if query_shape is not None:
            self.of_query.build(query_shape)
        for width, layer in zip(
            self.widths, [*self.hidden, self.last], strict=True
        ):
            layer.build((*inputs_shape[:-1], width))

    def check(self, inputs_shape, query_shape):
        """A query comes always, or never."""
        if self.built and (query_shape is None) == self.of_query.built:
            raise ValueError(
                "The layer was built "
                f"{'with' if self.of_query.built else 'without'} a `query`; "
                "give one always or never. "
                f"Received: query.shape={query_shape}"
            )

    def prepare(self, inputs):
        """W_a a_i + b."""
        return self.of_items(inputs)

    def call(self, keys, query=None):
        """Scores in float32."""
        if query is not None:
            keys = keys + _over_places(self.of_query(query), keys)
        values = tf.tanh(keys)
        for layer in self.hidden:
            values = self.apply(layer, values)
        # Half precision can not add up the products of a wide layer.
        return self.apply(self.last, tf.cast(values, "float32"))[..., 0]

    def apply(self, layer, values):
        """Calls a dense layer on all places.

        Not by `layer(values)`: that is a tensordot, whose gradient XLA can not
        compile in a while loop over a batch of unknown size.
        """
        values = tf.matmul(values, tf.cast(layer.kernel, values.dtype)[None])
        if layer.use_bias:
            values += tf.cast(layer.bias, values.dtype)
        return layer.activation(values)


class GeneralScore(Score):
    """a_i . W h."""

    def build(self, inputs_shape, query_shape):
        """Builds W."""
        self.of_items = keras.layers.Dense(
            query_shape[-1], use_bias=False, dtype=self.dtype_policy
        )
        self.of_items.build(inputs_shape)

    def prepare(self, inputs):
        """W^T a_i."""
        return self.of_items(inputs)

    def call(self, keys, query):
        """Scores in float32."""
        return _dot(keys, query)


class ScaledDotScore(Score):
    """a_i . h / sqrt(D)."""

    def check(self, inputs_shape, query_shape):
        """The query is as wide as the items."""
        super().check(inputs_shape, query_shape)
        if inputs_shape[-1] != query_shape[-1]:
            raise ValueError(
                'The score "scaled_dot" needs a query as wide as the items; '
                '"general" does not. Received: '
                f"inputs.shape={tuple(inputs_shape)}, "
                f"query.shape={tuple(query_shape)}"
            )

    def call(self, keys, query):
        """Scores in float32."""
        return _dot(keys, query) / math.sqrt(keys.shape[-1])


class StateScore(Score):
    """w_i . h + b_i: the query alone scores the places."""

    def check(self, inputs_shape, query_shape):
        """The places can be counted, and are as many as before."""
        super().check(inputs_shape, query_shape)
        places = tuple(inputs_shape[1:-1])
        if None in places or places != getattr(self, "places", places):
            raise ValueError(
                'The score "state" has a weight for each place: their number '
                "must be known and stay the same. "
                f"Received: inputs.shape={tuple(inputs_shape)}"
            )

    def build(self, inputs_shape, query_shape):
        """One unit for each place."""
        self.places = tuple(inputs_shape[1:-1])
        self.of_query = keras.layers.Dense(
            math.prod(self.places), dtype=self.dtype_policy
        )
        self.of_query.build(query_shape)

    def call(self, keys, query):
        """Scores in float32."""
        scores = tf.reshape(self.of_query(query), (-1, *self.places))
        return tf.cast(scores, "float32")


class ConvolutionalScore(Score):
    """v * tanh(W_a * a + W_h h + b), where * is a 3x3 convolution."""

    needs_query = False

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.widths = units
        convolution = keras.layers.Conv2D
        options = {"padding": "same", "dtype": self.dtype_policy}
        self.of_items = convolution(units[0], 3, **options)
        self.of_query = keras.layers.Dense(
            units[0], use_bias=False, dtype=self.dtype_policy
        )
        self.hidden = [
            convolution(width, 3, activation="tanh", **options)
            for width in units[1:]
        ]
        options["dtype"] = "float32"
        self.last = convolution(1, 3, use_bias=False, **options)

    def apply(self, layer, values):
        """Convolves."""
        return layer(values)

    build = AdditiveScore.build
    check = AdditiveScore.check
    prepare = AdditiveScore.prepare
    call = AdditiveScore.call


class GaussianScore(Score):
    """-|l_i - c|^2 / (2 s^2), centre and width from the query."""

    def build(self, inputs_shape, query_shape):
        """Linear maps of the query: to c through tanh, to s through softplus.

        At first s is about half of the map.
        """
        dense = keras.layers.Dense
        self.center = dense(2, "tanh", dtype="float32")
        self.stddev = dense(
            2,
            "softplus",
            kernel_initializer="zeros",
            dtype="float32",
        )
        self.center.build(query_shape)
        self.stddev.build(query_shape)

    def prepare(self, inputs):
        """The places of the map, (H, W, 2)."""
        return places(tf.shape(inputs)[1], tf.shape(inputs)[2])

    def call(self, keys, query):
        """Scores in float32."""
        query = tf.cast(query, "float32")
        center = self.center(query)[:, None, None]
        # A place is a point: below this width the mask is one place.
        stddev = self.stddev(query)[:, None, None] + 1e-3
        distance = tf.square((keys - center) / stddev)
        return -tf.reduce_sum(distance, axis=-1) / 2


SCORES = {
    "additive": AdditiveScore,
    "general": GeneralScore,
    "scaled_dot": ScaledDotScore,
    "state": StateScore,
    "convolutional": ConvolutionalScore,
    "gaussian": GaussianScore,
}


def places(height, width):
    """(x, y) of every place of a map: (H, W, 2), float32.

    A map that is one place high or wide has its places in the middle.
    """
    x = _axis(width)[None, :]
    y = _axis(height)[:, None]
    return tf.stack([x + tf.zeros_like(y), y + tf.zeros_like(x)], axis=-1)


def _axis(size):
    steps = tf.cast(tf.range(size), "float32")
    last = tf.cast(size - 1, "float32")
    return tf.where(last > 0, 2 * steps / tf.maximum(last, 1.0) - 1, 0.0)


def _name(score):
    return next(name for name, kind in SCORES.items() if kind is type(score))


def _over_places(vectors, keys):
    """(B, U) with an axis of size 1 for each axis of places of the keys."""
    ones = [1] * (keys.shape.rank - 2)
    return tf.reshape(vectors, (-1, *ones, vectors.shape[-1]))


def _dot(keys, query):
    """Dot products of (B, ..., U) keys with (B, U) queries, in float32."""
    keys, query = tf.cast(keys, "float32"), tf.cast(query, "float32")
    return tf.reduce_sum(keys * _over_places(query, keys), axis=-1)
