"""The recurrent attention cell: a state that asks, a mechanism that looks."""

import math

import keras
import tensorflow as tf
from keras import ops, tree

from keras_attention.layers import parts, rnn_cell, rollout_start
from keras_attention.layers.item_wise_hard_attention import (
    ItemWiseHardAttention,
)
from keras_attention.layers.mechanism import Mechanism, check_query
from keras_attention.layers.visited import unvisited, visit
from keras_attention.policies import scope
from keras_attention.policies.choices import at_step


@keras.saving.register_keras_serializable("keras_attention")
class AttentionCell(keras.layers.Layer):
    """One step of a recurrent model that attends to its input.

    With the state h of any Keras RNN cell, and any mechanism of attention
    (Wang and Tax 2016, figure 2):

        query[t] = h[t-1]                     (or [h[t-1], task])
        x'[t]    = mechanism(x[t], query[t])
        o[t], h[t] = cell(network(x'[t]), h[t-1])

    It is a Keras RNN cell: `keras.layers.RNN` drives it along a sequence of
    inputs, `RecurrentAttention` along a sequence or several times over one
    static input, and tells what was attended to. Dropout of the cell draws a
    new mask at every step.

    Args:
        mechanism: attention layer of this package, such as
            `ItemWiseSoftAttention` or `SpatialTransformer`.
        cell: any Keras RNN cell: `LSTMCell`, `GRUCell`, `SimpleRNNCell`,
            `StackedRNNCells`, your own. The query is the first state of the
            last cell.
        network: layer from what is attended to, to what the cell reads; by
            default that is flattened to (B, F).
        read_location: whether the network reads the place too, called
            `network(attended, location)` as a `GlimpseNetwork` is.
        start: where the state starts: None for the cell's own initial state,
            `"learned"` for one that is trained, or a layer from the inputs
            (the whole sequence, along a sequence) to (B, S), the S numbers of
            all states one after the other, such as the papers' MLP of the
            mean annotation. It gets the mask of the inputs where its `call`
            takes one. The layer needs `RecurrentAttention`.
        inhibition_of_return: whether items that were chosen are masked in the
            steps that follow; for `ItemWiseHardAttention`. (The scope
            `policy("center")` then sees something in the first step only.)
        query_gradient: whether a gradient flows from the mechanism into the
            state. False holds the state apart from what learns by reward.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        inputs: what the mechanism looks at, at this step.
        states: list of the states.
        task: (B, K), appended to the query: what to look for this time, or
            None.
        mask: mask of the inputs, as the mechanism takes it, or None.
        training: whether hard attention samples.
        return_attention: whether to return what was attended to as well.

    Output:
        `(output, states)`, as a Keras RNN cell, or with
        `return_attention=True` `(output, states, attention)`: the attention
        of the mechanism, and the `query` (B, Q) that it answered.

    Raises:
        ValueError: if the mechanism or the cell is none, or an option does
            not fit it.

    Example:
    One step by hand:

    >>> cell = AttentionCell(ItemWiseSoftAttention(), keras.layers.LSTMCell(8))
    >>> items = np.ones((2, 7, 16), "float32")
    >>> output, states = cell(items, cell.get_initial_state(batch_size=2))
    >>> output.shape
    TensorShape([2, 8])

    A video, frame by frame, each a map of features, in Keras's own loop:

    >>> look = LocationWiseSoftAttention("state")
    >>> cell = AttentionCell(look, keras.layers.LSTMCell(8))
    >>> keras.layers.RNN(cell)(np.ones((2, 5, 7, 7, 16), "float32")).shape
    TensorShape([2, 8])

    The same picture, looked at for different questions, from a state that the
    mean of its items suggests:

    >>> cell = AttentionCell(
    ...     ItemWiseSoftAttention(),
    ...     keras.layers.GRUCell(8),
    ...     start=keras.Sequential(
    ...         [keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(8)]
    ...     ),
    ... )
    >>> look = RecurrentAttention(cell, num_glimpses=3)
    >>> look(items, task=np.eye(2, dtype="float32")).shape
    TensorShape([2, 8])

    Reference:
        Wang, Tax 2016, Survey on the attention based RNN model and its
        applications in computer vision, https://arxiv.org/abs/1601.06823
    """

    def __init__(
        self,
        mechanism,
        cell,
        network=None,
        read_location=False,
        start=None,
        inhibition_of_return=False,
        query_gradient=True,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        _check_parts(mechanism, cell, network, read_location)
        rollout_start.check(start)
        if inhibition_of_return and not isinstance(
            mechanism, ItemWiseHardAttention
        ):
            raise ValueError(
                "`inhibition_of_return=True` is for `ItemWiseHardAttention`. "
                f"Received: mechanism={mechanism}"
            )
        self.mechanism = mechanism
        self.cell = cell
        self.network = network
        self.read_location = read_location
        self.start = start
        self.inhibition_of_return = inhibition_of_return
        self.query_gradient = query_gradient
        self._num_items = None

    @property
    def state_size(self):
        """Sizes of all states, those of the cell in one list."""
        sizes = rnn_cell.state_sizes(self.cell)
        return [*sizes, self._num_items] if self.inhibition_of_return else sizes

    @property
    def state_dtype(self):
        """The dtype that the cell computes in."""
        return getattr(self.cell, "compute_dtype", self.compute_dtype)

    @property
    def output_size(self):
        """Width of the output of the cell."""
        return rnn_cell.output_size(self.cell)

    def get_initial_state(self, batch_size=None):
        """The initial states: zeros of the cell, or what was learned."""
        if rollout_start.is_network(self.start):
            raise ValueError(
                "A `start` network needs the inputs: use `RecurrentAttention`, "
                "or give an `initial_state`."
            )
        if self.start == "learned" and self.built:
            states = [
                tf.repeat(tf.cast(weight, self.state_dtype), batch_size, 0)
                for weight in self.start_states
            ]
        else:  # what is learned starts there too
            states = rnn_cell.initial_states(
                self.cell, batch_size, self.state_dtype
            )
        return [*states, *self._nothing_visited(batch_size)]

    def initial_states(self, inputs, given=None, mask=None):
        """The states to start a rollout over these inputs from.

        Args:
            inputs: the inputs of the whole rollout.
            given: list of states of the cell, or None.
            mask: of these inputs, for the network of `start`, or None.

        Returns:
            List of states.
        """
        batch_size = tf.shape(inputs)[0]
        if given is None and rollout_start.is_network(self.start):
            given = rollout_start.computed(
                self.start, inputs, mask, rnn_cell.state_sizes(self.cell)
            )
        if given is None:
            return self.get_initial_state(batch_size)
        states = tree.flatten(given)
        if len(states) < len(self.state_size):
            states += self._nothing_visited(batch_size)
        self._check_states("initial_state", states)
        return [tf.cast(one, self.state_dtype) for one in states]

    def build(self, inputs_shape, states_shape=None, task_shape=None):
        """Builds every part, on symbolic tensors: they need only a `call`."""
        batch = inputs_shape[0]
        width = self.state_size[rnn_cell.hidden_index(self.cell)]
        width += task_shape[-1] if task_shape else 0
        with scope.record_nothing(), scope.policy("mode"):
            attended, attention = self.mechanism(
                keras.KerasTensor(inputs_shape),
                query=keras.KerasTensor((batch, width)),
                return_attention=True,
            )
            shape = self._read(attended, attention).shape
        if not self.cell.built:
            self.cell.build(shape)
            self.cell.built = True
        if self.inhibition_of_return:
            self._num_items = inputs_shape[1]
            if self._num_items is None:
                raise ValueError(
                    "`inhibition_of_return=True` needs a known number of "
                    f"items. Received: inputs.shape={tuple(inputs_shape)}"
                )
        if self.start == "learned":
            self.start_states = [
                self.add_weight(
                    shape=(1, size), initializer="zeros", name=f"start_{i}"
                )
                for i, size in enumerate(rnn_cell.state_sizes(self.cell))
            ]

    def build_start(self, inputs_shape):
        """Builds the network of `start` on the inputs of a whole rollout."""
        if rollout_start.is_network(self.start):
            rollout_start.build(
                self.start, inputs_shape, rnn_cell.state_sizes(self.cell)
            )

    def prepare(self, inputs, mask=None):
        """Computes once what all steps need of the same inputs."""
        return self.mechanism.prepare(inputs, mask)

    def choices(self, inputs, num_steps, training=False):
        """Draws the random numbers of a rollout, before the loop."""
        return self.mechanism.choices(inputs, num_steps, training)

    def step(
        self,
        inputs,
        states,
        task=None,
        mask=None,
        choices=None,
    ):
        """Attends to prepared inputs, given the random numbers, and steps.

        Args:
            inputs: what `prepare` returned.
            states: list of states.
            task: (B, K) or None.
            mask: mask of the inputs, or None.
            choices: one step of what `choices` drew.

        Returns:
            `(output, states, attention)`.
        """
        self._check_states("states", states)
        states, visited = self._without_visited(states)
        if visited is not None:
            mask = unvisited(visited, mask)
        query = self._query(states, task)
        attended, attention = self.mechanism.attend(
            inputs, query, mask, choices
        )
        read = self._read(attended, attention)
        output, states = rnn_cell.step(self.cell, read, states)
        if visited is not None:
            states = [*states, visit(visited, attention["indices"])]
        return output, states, {**attention, "query": query}

    def call(
        self,
        inputs,
        states,
        task=None,
        mask=None,
        training=False,
        return_attention=False,
    ):
        """Attends once and steps."""
        if task is not None:
            check_query(task.shape, inputs.shape, name="task")
        choices = at_step(self.choices(inputs, 1, training), 0)
        output, states, attention = self.step(
            self.prepare(inputs, mask), states, task, mask, choices
        )
        if not return_attention:
            return output, states
        return output, states, attention

    def get_config(self):
        """The arguments of the constructor."""
        layers = {
            "mechanism": self.mechanism,
            "cell": self.cell,
            "network": self.network,
            "start": self.start,
        }
        return {
            **super().get_config(),
            **parts.serialized(layers),
            "read_location": self.read_location,
            "inhibition_of_return": self.inhibition_of_return,
            "query_gradient": self.query_gradient,
        }

    @classmethod
    def from_config(cls, config):
        """Makes the cell from the config of its parts."""
        return cls(**parts.deserialized(config))

    def _nothing_visited(self, batch_size):
        if not self.inhibition_of_return:
            return []
        if self._num_items is None:
            raise ValueError(
                "With `inhibition_of_return=True` the states depend on the "
                "number of items: build the cell first."
            )
        return [tf.zeros((batch_size, self._num_items), self.state_dtype)]

    def _check_states(self, name, states):
        widths = [one.shape[-1] for one in states]
        if widths != self.state_size:
            raise ValueError(
                f"`{name}` must be states of the widths {self.state_size}. "
                f"Received: {name} of the widths {widths}"
            )

    def _without_visited(self, states):
        if not self.inhibition_of_return:
            return list(states), None
        return list(states[:-1]), states[-1]

    def _query(self, states, task):
        query = states[rnn_cell.hidden_index(self.cell)]
        if not self.query_gradient:
            query = tf.stop_gradient(query)
        if task is None:
            return query
        return tf.concat([query, tf.cast(task, query.dtype)], axis=-1)

    def _read(self, attended, attention):
        if self.network is None:
            return _flat(attended)
        if self.read_location and "location" not in attention:
            raise ValueError(
                "`read_location=True` needs a mechanism that chooses places. "
                f"Received: mechanism={self.mechanism}"
            )
        if self.read_location:
            return self.network(attended, attention["location"])
        return self.network(attended)


def _check_parts(mechanism, cell, network, read_location):
    if not isinstance(mechanism, Mechanism):
        raise ValueError(
            "`mechanism` must be an attention layer of this package, such as "
            f"`ItemWiseSoftAttention`. Received: mechanism={mechanism}"
        )
    rnn_cell.check_cell(cell)
    if network is not None and not callable(network):
        raise ValueError(
            f"`network` must be a layer. Received: network={network!r}"
        )
    if read_location and network is None:
        raise ValueError(
            "`read_location=True` needs a `network` to read it. "
            "Received: network=None"
        )


def _flat(attended):
    """What is attended to as (B, F), eager or symbolic."""
    if len(attended.shape) == 2:
        return attended
    if None in attended.shape[1:]:
        raise ValueError(
            "What is attended to has no known size: give the cell a `network` "
            f"that reads it. Received: shape={tuple(attended.shape)}"
        )
    return ops.reshape(attended, (-1, math.prod(attended.shape[1:])))
