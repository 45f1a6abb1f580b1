"""Noise that is given instead of drawn: an input of an exported model.

Random operations do not convert to TFLite, and a served model is to give the
same answer to the same request. So a sampling model is exported as a function
of numbers that are uniform in (0, 1), and those that it draws from are made of
them:

    Gumbel   -log(-log u)
    normal   sqrt(-2 log u_1) cos(2 pi u_2)     (Box and Muller 1958)

In the scope `given` every draw takes the next columns of these numbers.
"""

import contextlib
import math

import tensorflow as tf

# What u is kept away from 0 and 1 by: log(-log u) is then finite.
_MARGIN = 1e-7
# Process-wide, as `policies.scope` is.
_given = []


class Columns:
    """Uniform numbers (B, M), handed out column by column.

    Args:
        numbers: (B, M), or None to count only: then every number is 1/2.
    """

    def __init__(self, numbers=None):
        self.numbers = numbers
        self.taken = 0

    def take(self, shape):
        """The next numbers, as a tensor of a shape (B, ...).

        Raises:
            ValueError: if a side after the batch is not known, or not enough
                numbers were given.
        """
        sides = [tf.get_static_value(side) for side in shape[1:]]
        if None in sides:
            raise ValueError(
                "How many random numbers an example needs must be known: give "
                f"the model a fixed number of items. Received: shape={shape}"
            )
        first, self.taken = self.taken, self.taken + math.prod(sides)
        if self.numbers is None:
            return tf.fill(shape, 0.5)
        if self.taken > self.numbers.shape[1]:
            raise ValueError(
                f"`noise` must have at least {self.taken} columns. "
                f"Received: noise.shape={tuple(self.numbers.shape)}"
            )
        numbers = self.numbers[:, first : self.taken]
        numbers = tf.clip_by_value(numbers, _MARGIN, 1 - _MARGIN)
        return tf.reshape(numbers, (-1, *sides))


@contextlib.contextmanager
def given(columns):
    """Takes all random numbers of the policies from `Columns`.

    Args:
        columns: `Columns`.

    Example:
    >>> from keras_attention.policies import noise
    >>> look = LocationWiseHardAttention(8)
    >>> images = np.zeros((1, 28, 28, 1), "float32")
    >>> numbers = noise.Columns(tf.constant([[0.5, 0.25, 0.5, 0.25]]))
    >>> with noise.given(numbers), keras_attention.policy("sample"):
    ...     _, attention = look(images, np.zeros((1, 3)), return_attention=True)
    >>> np.abs(attention["location"].numpy()) < 1e-6  # cos(pi / 2) = 0
    array([[ True,  True]])
    """
    _given.append(columns)
    try:
        yield
    finally:
        _given.pop()


def uniform(shape):
    """The next given numbers, or None outside all scopes."""
    return _given[-1].take(shape) if _given else None


def gumbel(shape):
    """The next given numbers as Gumbel noise, or None."""
    numbers = uniform(shape)
    return None if numbers is None else -tf.math.log(-tf.math.log(numbers))


def normal(shape):
    """The next given numbers as standard normal noise, or None."""
    numbers = uniform((*shape, 2))
    if numbers is None:
        return None
    radius = tf.sqrt(-2 * tf.math.log(numbers[..., 0]))
    return radius * tf.cos(2 * math.pi * numbers[..., 1])
