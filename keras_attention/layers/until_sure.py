"""A driver that stops looking at what it is sure of."""

import math

import keras
import tensorflow as tf

from keras_attention.layers import parts
from keras_attention.layers.attention_cell import AttentionCell
from keras_attention.layers.loop_step import LoopStep, where_seen
from keras_attention.layers.mechanism import check_query
from keras_attention.ops.checks import check_count, check_share
from keras_attention.policies import scope

# Where nothing was chosen there is none of these.
OF_A_CHOICE = ("log_prob", "entropy")


@keras.saving.register_keras_serializable("keras_attention")
class UntilSure(keras.layers.Layer):
    """Looks at an input until the classifier is sure, for each example.

    The head reads the output of the cell after every glimpse, and an example
    is looked at no more once its best class is probable enough:

        o[t], h[t] = cell(x, h[t-1])
        scores[t]  = head(o[t])
        stop where   max softmax(scores[t]) >= threshold   or t = num_glimpses

    An example that has stopped keeps its scores and its state whatever the
    others of its batch do, and the loop ends with the last of them: one image
    alone costs the glimpses that it takes. For inference: with
    `training=True` all glimpses are taken. `keras_attention.models.until_sure`
    makes such a layer of a trained model.

    Args:
        cell: an `AttentionCell`, such as `GlimpseCell`.
        head: layer from the output of the cell, (B, U), to scores (B, K),
            of which the softmax is taken here.
        num_glimpses: how many glimpses are taken at most.
        threshold: the probability to stop at, above 0. At 1 all glimpses are
            taken.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        inputs: (B, ...), what the cell looks at.
        initial_state: list of tensors; by default where the cell starts.
        mask: what the mechanism takes, such as (B, N) booleans of items.
        task: (B, K), appended to the query of every step, or None.
        training: whether hard attention samples; takes all glimpses.
        return_attention: whether to return what was attended to.

    Output:
        Scores (B, K). Then where `return_attention` is true a dict: of how
        many glimpses were taken, `num_glimpses` (B,) int32, and of what a
        `RecurrentAttention` of the same cell attends to, such as `location`
        (B, T, 2), with T = the greatest number of glimpses. Where an example
        has stopped the last one is repeated, and `log_prob` and `entropy`
        are 0.

    Raises:
        ValueError: if `threshold` is not in (0, 1], `num_glimpses` is not at
            least 1, or an argument does not fit.

    Example:
    >>> head = keras.layers.Dense(10)
    >>> look = UntilSure(GlimpseCell(8), head, num_glimpses=6, threshold=0.05)
    >>> images = np.zeros((2, 28, 28, 1), "float32")
    >>> scores, attention = look(images, return_attention=True)
    >>> scores.shape, attention["location"].shape
    (TensorShape([2, 10]), TensorShape([2, 6, 2]))
    >>> attention["num_glimpses"].numpy()  # one of ten classes has 0.1
    array([1, 1], dtype=int32)
    """

    def __init__(self, cell, head, num_glimpses, threshold, **kwargs):
        super().__init__(autocast=False, **kwargs)
        check_count("num_glimpses", num_glimpses)
        if not isinstance(cell, AttentionCell):
            raise ValueError(
                "`cell` must be an attention cell, such as `GlimpseCell`. "
                f"Received: cell={cell}"
            )
        if not callable(head):
            raise ValueError(f"`head` must be a layer. Received: head={head!r}")
        self.cell = cell
        self.head = head
        self.num_glimpses = num_glimpses
        self.threshold = checked_threshold(threshold)
        self.supports_masking = True

    def build(self, inputs_shape, task_shape=None):
        """Builds the cell and the head."""
        if not self.cell.built:
            self.cell.build(inputs_shape, task_shape=task_shape)
            self.cell.built = True
        self.cell.build_start(inputs_shape)
        output = keras.KerasTensor((inputs_shape[0], self.cell.output_size))
        scores = self.head(output)
        if len(scores.shape) != 2:
            raise ValueError(
                "`head` must return scores of classes, (batch, classes). "
                f"Received: shape={tuple(scores.shape)}"
            )

    def call(
        self,
        inputs,
        initial_state=None,
        mask=None,
        task=None,
        training=False,
        return_attention=False,
    ):
        """Runs the loop."""
        if mask is None:  # with a task Keras does not fill it in
            mask = getattr(inputs, "_keras_mask", None)
        if task is not None:
            check_query(task.shape, inputs.shape, name="task")
        step = LoopStep(
            cell=self.cell,
            inputs=self.cell.prepare(inputs, mask),
            static=True,
            choices=self.cell.choices(inputs, self.num_glimpses, training),
            mask=mask,
            task=task,
        )
        states = self.cell.initial_states(inputs, initial_state, mask)
        with scope.record_nothing():
            scores, attention = self._look(step, states, training)
        scope.record(self.name, dict(attention))
        attention.pop("query")
        return (scores, attention) if return_attention else scores

    def compute_output_spec(self, *args, **kwargs):
        """What `call` returns, traced on symbolic tensors."""
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def compute_output_shape(self, inputs_shape, task_shape=None):
        """The shape of the scores."""
        output_shape = (inputs_shape[0], self.cell.output_size)
        return self.head.compute_output_shape(output_shape)

    def compute_mask(self, inputs, mask=None):
        """None: a mask of what is looked at is not one of the scores."""

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            **parts.serialized({"cell": self.cell, "head": self.head}),
            "num_glimpses": self.num_glimpses,
            "threshold": self.threshold,
        }

    @classmethod
    def from_config(cls, config):
        """Makes the layer from the config of its parts."""
        return cls(**parts.deserialized(config))

    def _look(self, step, states, training):
        """The scores, and what was attended to, once all are sure."""
        threshold = self.threshold
        if training or threshold == 1:  # rounding makes probabilities of 1
            threshold = math.inf

        def look(time, states):
            states, seen = step(time, states)
            scores = self.head(seen.pop("output"), training=training)
            highest = tf.reduce_max(tf.nn.softmax(_float32(scores)), axis=-1)
            unsure = tf.logical_not(highest >= threshold)  # so is NaN
            return states, scores, unsure, seen

        def body(time, states, scores, unsure, taken, attention):
            new_states, new_scores, still_unsure, seen = look(time, states)
            states = [
                where_seen(unsure, new, old)
                for new, old in zip(new_states, states, strict=True)
            ]
            scores = where_seen(unsure, new_scores, scores)
            attention = {
                name: _written(name, values, seen[name], time, unsure)
                for name, values in attention.items()
            }
            taken += tf.cast(unsure, "int32")
            unsure = tf.logical_and(unsure, still_unsure)
            return time + 1, states, scores, unsure, taken, attention

        # The first step is taken outside the loop: it tells what a step
        # returns. Nothing in the loop is a list of tensors, which TFLite has
        # not built in for batches of any size.
        states, scores, unsure, seen = look(0, states)
        taken = tf.ones_like(unsure, "int32")
        attention = {
            name: _started(name, value, self.num_glimpses)
            for name, value in seen.items()
        }
        _, _, scores, _, taken, attention = tf.while_loop(
            lambda time, states, scores, unsure, *_: tf.logical_and(
                time < self.num_glimpses, tf.reduce_any(unsure)
            ),
            body,
            (1, states, scores, unsure, taken, attention),
            maximum_iterations=self.num_glimpses - 1,
        )
        return scores, {**attention, "num_glimpses": taken}


def checked_threshold(threshold):
    """The threshold as a float.

    Raises:
        ValueError: if it is not a number in (0, 1].
    """
    check_share("threshold", threshold)
    return float(threshold)


def _float32(scores):
    return tf.cast(scores, "float32")


def _started(name, first, num_steps):
    """What was attended to first (B, ...), at all steps (B, T, ...)."""
    if name not in OF_A_CHOICE:
        return tf.repeat(first[:, None], num_steps, axis=1)
    nothing = tf.zeros_like(first)[:, None]
    return tf.concat(
        [first[:, None], tf.repeat(nothing, num_steps - 1, axis=1)], axis=1
    )


def _written(name, values, new, time, unsure):
    """The values (B, T, ...) with those of a step written from there on."""
    steps = tf.range(values.shape[1])
    now = steps == time if name in OF_A_CHOICE else steps >= time
    written = tf.logical_and(unsure[:, None], now[None])
    ones = [1] * (values.shape.rank - 2)
    written = tf.reshape(written, (-1, values.shape[1], *ones))
    return tf.where(written, new[:, None], values)
