"""The driver: runs an attention cell over time."""

import keras
import tensorflow as tf

from keras_attention.layers import parts
from keras_attention.layers.attention_cell import AttentionCell
from keras_attention.layers.loop_step import LoopStep
from keras_attention.layers.mechanism import check_mask, check_query
from keras_attention.ops.checks import check_count
from keras_attention.policies import rollouts, scope


@keras.saving.register_keras_serializable("keras_attention")
class RecurrentAttention(keras.layers.Layer):
    """Runs an attention cell several times on one input, or along a sequence.

    At every step the state of the cell says what to look for, the cell looks
    at the input, and steps:

        o[t], h[t] = cell(x, h[t-1])        t = 1 .. num_glimpses
        o[t], h[t] = cell(x[t], h[t-1])     along a sequence

    A static input is not copied for each step, and what all steps need of it
    is computed once. What was attended to is returned for every step, and
    seen by `keras_attention.record_attention()`.

    Args:
        cell: an `AttentionCell`, such as `GlimpseCell`.
        num_glimpses: how many times the cell looks at one static input; None
            runs it along the second axis of the input.
        return_sequences: whether to return the output of every step.
        return_state: whether to return the last states as well.
        unroll: whether to write the steps out one after the other instead of
            a loop. That is faster, converts to TFLite with a dynamic batch,
            and takes longer to compile. None unrolls static inputs.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        inputs: (B, ...), or along a sequence (B, T, ...).
        initial_state: list of tensors; by default where the cell starts.
        mask: of a static input what the mechanism takes, such as (B, N)
            booleans of items. Of a sequence (B, T) booleans: where it is
            False the state and the output stay as they were, and `log_prob`
            and `entropy` are 0.
        task: (B, K), appended to the query of every step, or None.
        training: whether hard attention samples.
        return_attention: whether to return what was attended to.

    Output:
        The last output (B, units), or with `return_sequences` all of them,
        (B, T, units). Then the states, where `return_state` is true. Then
        where `return_attention` is true a dict of what the cell attended to,
        each with a time axis after the batch axis: for a `GlimpseCell`
        `location` and `location_mean` (B, T, 2), `log_prob` and `entropy`
        (B, T); for item-wise attention `attention_weights` (B, T, N).

    Raises:
        ValueError: if `num_glimpses` is not at least 1, a sequence whose
            length is unknown is to be unrolled, or an argument does not fit.

    Example:
    >>> look = RecurrentAttention(GlimpseCell(8), num_glimpses=6)
    >>> images = np.zeros((2, 28, 28, 1), "float32")
    >>> output, attention = look(images, return_attention=True)
    >>> output.shape, attention["location"].shape
    (TensorShape([2, 256]), TensorShape([2, 6, 2]))

    Along a sequence, one glimpse of every frame of a video:

    >>> watch = RecurrentAttention(GlimpseCell(8), return_sequences=True)
    >>> watch(np.zeros((2, 5, 28, 28, 1), "float32")).shape
    TensorShape([2, 5, 256])

    A sequence with a mask, here of the maps of a video's frames; where it is
    False the state waits:

    >>> look = LocationWiseSoftAttention("state")
    >>> watch = RecurrentAttention(
    ...     AttentionCell(look, keras.layers.LSTMCell(16)), return_state=True
    ... )
    >>> video = np.random.uniform(size=(1, 5, 7, 7, 8))
    >>> mask = [[True, True, True, False, False]]
    >>> _, h, _ = watch(video, mask=np.array(mask))
    >>> _, h_of_three, _ = watch(video[:, :3])
    >>> np.allclose(h, h_of_three, atol=1e-6)
    True

    A recurrent spatial transformer:

    >>> where = keras.Sequential([keras.layers.Dense(32, "relu")])
    >>> crop = SpatialTransformer(where, (12, 12), localize_from="query")
    >>> cell = AttentionCell(crop, keras.layers.LSTMCell(64))
    >>> look = RecurrentAttention(cell, num_glimpses=3)
    >>> output, attention = look(images, return_attention=True)
    >>> attention["theta"].shape
    TensorShape([2, 3, 2, 3])

    Reference:
        Wang, Tax 2016, Survey on the attention based RNN model and its
        applications in computer vision, https://arxiv.org/abs/1601.06823
    """

    def __init__(
        self,
        cell,
        num_glimpses=None,
        return_sequences=False,
        return_state=False,
        unroll=None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        if num_glimpses is not None:
            check_count("num_glimpses", num_glimpses)
        if not isinstance(cell, AttentionCell):
            raise ValueError(
                "`cell` must be an attention cell, such as `AttentionCell` or "
                "`GlimpseCell`. For other cells use `keras.layers.RNN`. "
                f"Received: cell={cell}"
            )
        self.cell = cell
        self.num_glimpses = num_glimpses
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.unroll = unroll
        self.supports_masking = True

    def build(self, inputs_shape, task_shape=None):
        """Builds the cell on the shape of what one step sees."""
        if not self.cell.built:
            self.cell.build(
                self._step_shape(inputs_shape), task_shape=task_shape
            )
            self.cell.built = True
        self.cell.build_start(inputs_shape)

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
        static = self.num_glimpses is not None
        num_steps = self._num_steps(inputs)
        if mask is not None and not static:
            check_mask(mask.shape, inputs.shape[:2])
        states = self.cell.initial_states(inputs, initial_state, mask)
        prepared = self.cell.prepare(inputs, mask) if static else inputs
        if self.cell.mechanism.samples:
            inputs, prepared, states, mask, task = rollouts.repeated(
                (inputs, prepared, states, mask, task)
            )
        if task is not None:
            check_query(task.shape, inputs.shape, name="task")
        seen_first = inputs if static else inputs[:, 0]
        step = LoopStep(
            cell=self.cell,
            inputs=prepared,
            static=static,
            choices=self.cell.choices(seen_first, num_steps, training),
            mask=mask,
            task=task,
        )
        run = _run_unrolled if self._unrolls() else _run_loop
        if scope.asks_for_shapes() and isinstance(num_steps, int):
            run = _run_first
        with scope.record_nothing():
            states, history = run(step, states, num_steps)
        outputs = history.pop("output")
        masked = {} if static or mask is None else {"mask": mask}
        scope.record(self.name, {**history, **masked})
        history.pop("query")
        results = [outputs if self.return_sequences else outputs[:, -1]]
        if self.return_state:
            results += states
        if return_attention:
            results.append(history)
        return tuple(results) if len(results) > 1 else results[0]

    def compute_output_spec(self, *args, **kwargs):
        """What `call` returns, traced on symbolic tensors."""
        with scope.only_shapes():
            return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def compute_output_shape(self, inputs_shape, task_shape=None):
        """The shape of the output, and of the states where they follow."""
        batch = inputs_shape[0]
        steps = (self.num_glimpses or inputs_shape[1],)
        output = (
            batch,
            *(steps if self.return_sequences else ()),
            self.cell.output_size,
        )
        if not self.return_state:
            return output
        return (output, *((batch, size) for size in self.cell.state_size))

    def compute_mask(self, inputs, mask=None):
        """The mask of a sequence, where all outputs are returned."""
        if not self.return_sequences or self.num_glimpses:
            return None
        samples = self.cell.mechanism.samples
        return rollouts.repeated(mask) if samples else mask

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            **parts.serialized({"cell": self.cell}),
            "num_glimpses": self.num_glimpses,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "unroll": self.unroll,
        }

    @classmethod
    def from_config(cls, config):
        """Makes the driver from the config of its cell."""
        return cls(**parts.deserialized(config))

    def _unrolls(self):
        if self.unroll is None:
            return self.num_glimpses is not None
        return self.unroll

    def _step_shape(self, input_shape):
        if self.num_glimpses:
            return tuple(input_shape)
        return (input_shape[0], *input_shape[2:])

    def _num_steps(self, inputs):
        if self.num_glimpses:
            return self.num_glimpses
        if inputs.shape[1] == 0:
            raise ValueError(
                "A sequence must have at least one step. "
                f"Received: inputs.shape={tuple(inputs.shape)}"
            )
        if inputs.shape[1] is not None:
            return inputs.shape[1]
        if self._unrolls():
            raise ValueError(
                "A sequence can be unrolled only where its length is known. "
                f"Received: unroll=True, inputs.shape={inputs.shape}"
            )
        return tf.shape(inputs)[1]


def _run_first(step, states, num_steps):
    """Takes the first step in place of all: each returns the same shapes."""
    states, seen = step(0, states)
    return states, {
        name: tf.stack([value] * num_steps, axis=1)
        for name, value in seen.items()
    }


def _run_unrolled(step, states, num_steps):
    steps, output = [], None
    for time in range(num_steps):
        states, seen = step(time, states, output)
        output = seen["output"]
        steps.append(seen)
    stacked = {
        name: tf.stack([seen[name] for seen in steps], axis=1)
        for name in steps[0]
    }
    return states, stacked


def _run_loop(step, states, num_steps):
    # The first step is taken outside the loop: it tells what a step returns.
    states, first = step(0, states)
    arrays = {
        name: tf.TensorArray(
            value.dtype, size=num_steps, element_shape=value.shape
        ).write(0, value)
        for name, value in first.items()
    }

    def body(time, states, output, arrays):
        states, seen = step(time, states, output)
        arrays = {
            name: array.write(time, seen[name])
            for name, array in arrays.items()
        }
        return time + 1, states, seen["output"], arrays

    _, states, _, arrays = tf.while_loop(
        lambda time, *_: time < num_steps,
        body,
        (1, states, first["output"], arrays),
        maximum_iterations=num_steps - 1,
    )
    stacked = {name: _batch_first(a.stack()) for name, a in arrays.items()}
    return states, stacked


def _batch_first(value):
    order = [1, 0, *range(2, value.shape.rank)]
    return tf.transpose(value, order)
