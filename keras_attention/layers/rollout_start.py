"""The states that a rollout starts from, as `start` of an `AttentionCell`.

None for those of the cell, `"learned"`, or a network from the inputs to the
numbers of all states, one after the other.
"""

import inspect
import warnings

import keras
import tensorflow as tf


def check(start):
    """Raises `ValueError` unless it says where a rollout starts."""
    if start not in (None, "learned") and not callable(start):
        raise ValueError(
            '`start` must be None, "learned" or a layer. '
            f"Received: start={start!r}"
        )


def is_network(start):
    """Whether the states come from a network of the inputs."""
    return start is not None and start != "learned"


def build(network, inputs_shape, sizes):
    """Builds the network.

    Args:
        network: from the inputs to (B, sum of sizes).
        inputs_shape: of the inputs of a whole rollout.
        sizes: of all states.

    Raises:
        ValueError: if it returns anything else.
    """
    numbers = network(keras.KerasTensor(inputs_shape))
    if tuple(numbers.shape[1:]) != (sum(sizes),):
        raise ValueError(
            f"`start` must return (batch, {sum(sizes)}), the numbers of all "
            f"states of the cell. Received: shape={numbers.shape}"
        )


def computed(network, inputs, mask, sizes):
    """The states, of a network that leaves out what is masked.

    Args:
        network: from the inputs to (B, sum of sizes).
        inputs: the inputs of a whole rollout.
        mask: their mask, or None; for a network whose `call` takes one.
        sizes: of all states.

    Returns:
        List of states.
    """
    call = getattr(network, "call", network)
    if mask is None or "mask" not in inspect.signature(call).parameters:
        numbers = network(inputs)
    else:
        # A model passes no mask on, and says so; none is needed.
        name = getattr(network, "name", "")
        lost = f"Layer '{name}'.*does not support masking"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", lost)
            numbers = network(inputs, mask=mask)
    return tf.split(numbers, sizes, axis=1)
