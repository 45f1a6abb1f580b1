"""What soft attention over items and over places has in common."""

import math

import keras
import tensorflow as tf

from keras_attention.layers.mechanism import (
    Mechanism,
    check_mask,
    check_query,
    check_shape,
)
from keras_attention.layers.scores import make_score
from keras_attention.ops.attention_weights import masked_softmax, sparsemax
from keras_attention.ops.checks import check_option
from keras_attention.ops.images import sizes
from keras_attention.policies import distributions, forced

NORMALIZATIONS = {"softmax": masked_softmax, "sparsemax": sparsemax}
OUTPUTS = ("expectation", "zero")


class SoftAttention(Mechanism):
    """Weighs every place by a normalised score, and takes the expectation.

        e     = score(inputs, query)
        alpha = softmax(e / temperature)        (or sparsemax)
        x'    = gate * sum_i alpha_i x_i        (or gate * alpha_i x_i for all)

    The layers made of it say what a place is: an item, or a point of a map.
    """

    form = None  # of the inputs, in words
    score_names = ()

    def __init__(
        self,
        score="additive",
        units=128,
        temperature=1.0,
        gate=False,
        dropout=0.0,
        normalization="softmax",
        output="expectation",
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_temperature(temperature)
        check_option("normalization", normalization, tuple(NORMALIZATIONS))
        check_option("output", output, OUTPUTS)
        if not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
            raise ValueError(
                f"`dropout` must lie in [0, 1). Received: dropout={dropout!r}"
            )
        self.score_name = score
        self.units = units
        self.temperature = temperature
        self.has_gate = bool(gate)
        self.dropout = dropout
        self.normalization = normalization
        self.output_form = output
        self.seed = seed
        self.seed_generator = (
            keras.random.SeedGenerator(seed) if dropout else None
        )
        self.score = make_score(
            score, self.score_names, units, self.dtype_policy
        )
        # Xu et al. 2015, section 4.2.1: beta_t = sigmoid(f_beta(h[t-1])).
        self.gate = (
            keras.layers.Dense(1, "sigmoid", dtype=self.dtype_policy)
            if gate
            else None
        )

    def build(self, inputs_shape, query_shape=None):
        """Builds the score and the gate."""
        self._check(inputs_shape, query_shape)
        if not self.score.built:
            self.score.build(inputs_shape, query_shape)
            self.score.built = True
        if self.gate is not None and not self.gate.built:
            self.gate.build(query_shape)

    def prepare(self, inputs, mask=None):
        """The inputs, and what the score needs of them."""
        inputs = tf.cast(inputs, self.compute_dtype)
        check_shape("inputs", inputs.shape, self.form)
        inputs = without_masked(inputs, mask)
        return {"inputs": inputs, "keys": self.score.prepare(inputs)}

    def choices(self, inputs, num_steps, training=False):
        """Draws which weights dropout keeps, for every step."""
        if not (training and self.dropout):
            return {}
        places = tf.shape(inputs)[:-1]
        shape = tf.concat([places[:1], [num_steps], places[1:]], axis=0)
        seed = distributions.next_seed(self.seed_generator)
        kept = tf.random.stateless_uniform(shape, seed) >= self.dropout
        return {"keep": tf.cast(kept, "float32") / (1 - self.dropout)}

    def attend(self, inputs, query=None, mask=None, choices=None):
        """Weighs the inputs."""
        inputs, keys = inputs["inputs"], inputs["keys"]
        self._check(inputs.shape, None if query is None else query.shape, mask)
        weights = self._weights(self.score(keys, query), mask)
        weights = forced.instead_of("attention_weights", weights, self)
        attention = {"attention_weights": weights}
        if choices:
            weights *= choices["keep"]
        weights = tf.cast(weights, inputs.dtype)
        if self.output_form == "zero":
            attended = inputs * tf.expand_dims(weights, -1)
        else:
            attended = _expectation(weights, inputs)
        if self.gate is not None:
            gate = self.gate(query)
            ones = [1] * (attended.shape.rank - 1)
            attended *= tf.reshape(gate, (-1, *ones))
        return attended, attention

    def compute_mask(self, inputs, mask=None):
        """The mask goes on where all inputs stay in their places."""
        return mask if self.output_form == "zero" else None

    def compute_output_shape(self, inputs_shape, query_shape=None):
        """The shape of the inputs, or of their expectation."""
        if self.output_form == "zero":
            return tuple(inputs_shape)
        return (inputs_shape[0], inputs_shape[-1])

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "score": self.score_name,
            "units": self.units,
            "temperature": self.temperature,
            "gate": self.has_gate,
            "dropout": self.dropout,
            "normalization": self.normalization,
            "output": self.output_form,
            "seed": self.seed,
        }

    def _weights(self, scores, mask):
        """Normalised over all places, in the shape of the scores."""
        flat = _as_items(scores, 2) / self.temperature
        if mask is not None:
            mask = _as_items(tf.cast(mask, "bool"), 2)
        weights = NORMALIZATIONS[self.normalization](flat, mask)
        return tf.reshape(weights, (-1, *sizes(scores)[1:]))

    def _check(self, inputs_shape, query_shape, mask=None):
        check_inputs(inputs_shape, self.form)
        if query_shape is not None:
            check_query(query_shape, inputs_shape)
        elif self.has_gate:
            raise ValueError(
                "`gate=True` needs a `query`. Received: query=None"
            )
        self.score.check(inputs_shape, query_shape)
        if mask is not None:
            check_mask(mask.shape, inputs_shape[:-1])


def without_masked(inputs, mask):
    """The inputs, with 0 in place of what is masked, whatever that holds."""
    if mask is None:
        return inputs
    check_mask(mask.shape, inputs.shape[:-1])
    kept = tf.expand_dims(tf.cast(mask, "bool"), -1)
    return tf.where(kept, inputs, tf.zeros_like(inputs))


def check_inputs(shape, form):
    """Raises `ValueError` unless there is something to attend to."""
    check_shape("inputs", shape, form)
    if shape[-1] is None or 0 in tuple(shape)[1:]:
        raise ValueError(
            "`inputs` must have a known number of features, and no axis of "
            f"size 0. Received: inputs.shape={tuple(shape)}"
        )


def check_temperature(value, name="temperature"):
    """Raises `ValueError` unless a temperature is positive and finite."""
    if not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ValueError(
            f"`{name}` must be positive and finite. Received: {name}={value!r}"
        )


def _expectation(weights, inputs):
    """sum_i alpha_i x_i over all places: (B, D)."""
    weights = tf.expand_dims(_as_items(weights, 2), 1)
    return tf.matmul(weights, _as_items(inputs, 3))[:, 0]


def _as_items(values, rank):
    """Values with one axis of places for all of them: the rank says so."""
    if values.shape.rank == rank:
        return values
    _, height, width, *features = sizes(values)
    return tf.reshape(values, (-1, height * width, *features))
