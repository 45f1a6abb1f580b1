"""Several rollouts of the same input, where what comes before is run once.

In the scope `rollouts` the hard attention layers repeat what they look at:
the rows of a batch of B examples become B * K, example by example,

    x_1 .. x_B  ->  x_1, .. x_1, x_2, .. x_2, ..      (row b * K + k)

so that each of the K rollouts of an example samples for itself. All that was
computed before the first hard attention, such as the features of an encoder,
is computed once; all that comes after has B * K rows. What has B * K rows
already is left as it is: only the first of a chain of hard attentions repeats.
"""

import contextlib
import dataclasses
import threading
from typing import Any

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Rollouts:
    """How often what is repeated.

    Attributes:
        num_samples: K.
        batch_size: B, an integer or a scalar tensor.
    """

    num_samples: int
    batch_size: Any


# tf.distribute runs each replica in a thread, with a batch of its own.
_open = threading.local()


@contextlib.contextmanager
def rollouts(num_samples, batch_size):
    """Takes K rollouts of each example, in all hard attention in the scope.

    Inside another such scope it does nothing, whatever that takes: a model
    inside a model takes the rollouts of the outer one.

    Args:
        num_samples: K.
        batch_size: B, an integer or a scalar tensor.
    """
    outer = current()
    if outer is None:
        _open.rollouts = Rollouts(num_samples, batch_size)
    try:
        yield
    finally:
        _open.rollouts = outer


def current():
    """The open `Rollouts`, or None."""
    return getattr(_open, "rollouts", None)


def repeated(values):
    """Tensors with B * K rows: what has B rows is repeated.

    Args:
        values: nested tensors with B or B * K rows, or None.

    Returns:
        The same structure; outside a scope the same tensors.

    Raises:
        ValueError: if a tensor is known to have another number of rows.
    """
    opened = current()
    if opened is None or opened.num_samples == 1:
        return values
    return tf.nest.map_structure(lambda value: _repeat(value, opened), values)


def repeat(values, num_samples):
    """Tensors with each row `num_samples` times, one after the other.

    Args:
        values: nested tensors, or None.
        num_samples: K.

    Returns:
        The same structure.
    """
    if num_samples == 1:
        return values
    return tf.nest.map_structure(
        lambda value: (
            None if value is None else tf.repeat(value, num_samples, axis=0)
        ),
        values,
    )


def _repeat(value, opened):
    if value is None:
        return None
    rows, batch_size = value.shape[0], opened.batch_size
    num_samples = opened.num_samples
    if isinstance(rows, int) and isinstance(batch_size, int):
        if rows not in (batch_size, batch_size * num_samples):
            raise ValueError(
                "With `num_samples` a hard attention layer must look at "
                f"something with the batch of the model's inputs, {batch_size} "
                f"here, or {num_samples} times that. "
                f"Received: shape={tuple(value.shape)}"
            )
        times = num_samples if rows == batch_size else 1
    else:
        whole = tf.equal(tf.shape(value)[0], batch_size)
        times = tf.where(whole, num_samples, 1)
    return tf.repeat(value, times, axis=0)
