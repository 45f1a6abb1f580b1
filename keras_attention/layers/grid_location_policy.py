"""A policy of hard attention that chooses among the places of a grid."""

import keras
import numpy as np
import tensorflow as tf

from keras_attention.layers.location_policy import LocationPolicy
from keras_attention.ops.checks import check_count
from keras_attention.policies import distributions, given, scope


@keras.saving.register_keras_serializable("keras_attention")
class GridLocationPolicy(LocationPolicy):
    """Samples one of the places of a grid that is laid over the image.

    The image is divided into `rows` x `columns` equal cells. The places are
    their centres, cell 0 at the top left, then along the rows:

        index    = argmax(scores + noise),  noise ~ Gumbel(0, 1)
        location = (-1 + (2 column + 1) / columns, -1 + (2 row + 1) / rows)
        log_prob = log softmax(scores)[index]

    Unlike a `GaussianLocationPolicy` it can be undecided between places far
    apart. No gradient passes through the sample: the scores learn through
    `log_prob` alone. Without noise the cell of the highest score is chosen.

    Scopes: `keras_attention.policy(indices=...)` gives the cells, (1,),
    (B, 1) or (B, T, 1). A place that is given with `location=`, or as
    `"center"`, is looked at exactly; its log-probability is that of the cell
    it lies in, or of the nearest one. `"random"` is uniform over the cells.

    Args:
        rows: number of cells along y.
        columns: number of cells along x.
        seed: integer, or None.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        scores: (B, rows * columns). A score that is NaN or -inf is of a cell
            that is never chosen, unless all are; its log-probability is very
            low, not -inf. Cells with inf share all the probability.
        choices: dict of what decides, one step of what `choices(...)` gave.
        training: whether to sample, where there are no `choices`.

    Output:
        Dict of float32 tensors: `location` (B, 2), `location_mean` (B, 2),
        the expectation of the location under the policy, `log_prob` (B,),
        `entropy` (B,); and int32 `indices` (B, 1), the cell.

    Raises:
        ValueError: for wrong counts, shapes, or given cells that the grid
            does not have.

    Example:
    >>> policy = GridLocationPolicy(rows=1, columns=4)
    >>> scores = np.array([[0.0, 0.0, 0.0, 1.0]], "float32")
    >>> policy(scores)["location"].numpy()  # not in training: the mode
    array([[0.75, 0.  ]], dtype=float32)

    Reference:
        Mnih, Heess, Graves, Kavukcuoglu 2014, Recurrent Models of Visual
        Attention, https://arxiv.org/abs/1406.6247
    """

    def __init__(self, rows, columns, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        check_count("rows", rows)
        check_count("columns", columns)
        self.rows = rows
        self.columns = columns

    @property
    def units(self):
        """Number of values for each example: one score for each cell."""
        return self.rows * self.columns

    def build(self, scores_shape):
        """Checks the shape; the policy has no weights."""
        self.check_units("scores", scores_shape)

    def noise(self, steps):
        """Gumbel noise, (B, T, rows * columns)."""
        return distributions.standard_gumbel(
            (*steps, self.units), self.seed_generator
        )

    def random_choices(self, steps):
        """Cells uniform over the grid, (B, T, 1)."""
        return {"indices": _argmax(self.noise(steps))}

    def choices(self, batch_size, num_steps, training=False):
        """Draws what decides; see `LocationPolicy.choices`."""
        indices = scope.current_policy(training).indices
        if indices is None:
            return super().choices(batch_size, num_steps, training)
        shape = (batch_size, num_steps, 1)
        indices = given.over_time("indices", indices, shape)
        self._check_indices(indices)
        return {"indices": tf.cast(indices, "int32")}

    def call(self, scores, choices=None, training=False):
        """Decides one location for each example."""
        if choices is None:
            choices = self.choices_of_one_step(scores, training)
        log_probs = distributions.categorical_log_probs(scores)
        probabilities = tf.exp(log_probs)
        centres = self._centres()
        indices = self._indices(log_probs, choices)
        location = tf.gather(centres, indices[:, 0])
        chosen = tf.one_hot(indices[:, 0], self.units)
        return {
            "location": tf.stop_gradient(choices.get("location", location)),
            "location_mean": tf.matmul(probabilities, centres),
            "log_prob": tf.reduce_sum(chosen * log_probs, axis=-1),
            "entropy": -tf.reduce_sum(probabilities * log_probs, axis=-1),
            "indices": indices,
        }

    def compute_output_spec(self, scores, choices=None, training=False):
        """What `call` returns: float32, whatever the dtype policy."""
        shapes = self.compute_output_shape(scores.shape)
        return {
            name: keras.KerasTensor(
                shape, dtype="int32" if name == "indices" else "float32"
            )
            for name, shape in shapes.items()
        }

    def compute_output_shape(self, scores_shape):
        """The shapes of the dict that `call` returns."""
        shapes = super().compute_output_shape(scores_shape)
        return {**shapes, "indices": (scores_shape[0], 1)}

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "rows": self.rows,
            "columns": self.columns,
            "seed": self.seed,
        }

    def _centres(self):
        x = -1 + (2 * np.arange(self.columns) + 1) / self.columns
        y = -1 + (2 * np.arange(self.rows) + 1) / self.rows
        xy = np.stack(np.meshgrid(x, y), axis=-1)  # (rows, columns, 2)
        return tf.constant(xy.reshape(-1, 2), "float32")

    def _indices(self, log_probs, choices):
        if "indices" in choices:
            return choices["indices"]
        if "location" in choices:
            return self._cell_of(choices["location"])
        return _argmax(log_probs + choices.get("noise", 0.0))

    def _cell_of(self, location):
        counts = tf.constant([self.columns, self.rows])
        along = (tf.clip_by_value(location, -1.0, 1.0) + 1) / 2
        along = tf.floor(along * tf.cast(counts, "float32"))
        cell = tf.clip_by_value(tf.cast(along, "int32"), 0, counts - 1)
        return cell[:, 1:] * self.columns + cell[:, :1]

    def _check_indices(self, indices):
        if not indices.dtype.is_integer:
            raise ValueError(
                "`policy(indices=...)` takes integers. "
                f"Received: indices.dtype={indices.dtype.name}"
            )
        known = tf.get_static_value(indices)
        if known is not None and not np.all(
            (known >= 0) & (known < self.units)
        ):
            raise ValueError(
                "`policy(indices=...)` must be at least 0 and less than "
                f"rows * columns = {self.units}. Received: indices from "
                f"{known.min()} to {known.max()}"
            )


def _argmax(values):
    """The index of the highest value, (..., 1) int32."""
    return tf.argmax(values, axis=-1, output_type="int32")[..., None]
