"""Any Keras RNN cell, with all its states in one flat list.

A Keras cell has one state, or a list of them, or, where cells are stacked, a
list of lists. Here they are always one list.
"""

import keras
import tensorflow as tf
from keras import tree


def check_cell(cell):
    """Raises `ValueError` unless it is a Keras RNN cell."""
    if not hasattr(cell, "state_size") or isinstance(cell, keras.layers.RNN):
        raise ValueError(
            "`cell` must be a Keras RNN cell, such as `LSTMCell`. "
            f"Received: cell={cell}"
        )


def state_sizes(cell):
    """Sizes of all states."""
    return [int(size) for size in tree.flatten(cell.state_size)]


def output_size(cell):
    """Width of the output."""
    return getattr(cell, "output_size", None) or state_sizes(cell)[0]


def hidden_index(cell):
    """Which of the states is the hidden state h.

    The first, by convention; of stacked cells the first of the last cell.
    """
    if not hasattr(cell, "cells"):
        return 0
    below = sum(len(state_sizes(part)) for part in cell.cells[:-1])
    return below + hidden_index(cell.cells[-1])


def initial_states(cell, batch_size, dtype):
    """The states that the cell starts from by itself."""
    if hasattr(cell, "get_initial_state"):
        return tree.flatten(cell.get_initial_state(batch_size=batch_size))
    return [tf.zeros((batch_size, size), dtype) for size in state_sizes(cell)]


def step(cell, inputs, states):
    """Steps the cell.

    Dropout draws a new mask at every step. (Keras's own loop keeps that of
    the first step and then has the cell forget it, which it does not do for a
    cell inside a cell: the mask would be that of another call.)

    Args:
        cell: the cell.
        inputs: (B, F).
        states: list of all states.

    Returns:
        `(output, states)`.
    """
    for part in getattr(cell, "cells", [cell]):
        if hasattr(part, "reset_dropout_mask"):
            part.reset_dropout_mask()
            part.reset_recurrent_dropout_mask()
    if tree.is_nested(cell.state_size):
        states = tree.pack_sequence_as(cell.state_size, states)
    output, states = cell(inputs, states)
    return output, tree.flatten(states)
