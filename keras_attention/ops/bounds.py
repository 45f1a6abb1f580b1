"""Bounds and brakes on the gradient, for numbers that a network predicts.

A clip stops the gradient of everything beyond it: a parameter that once leaves
its bounds stays outside for good. A sigmoid or tanh lets it come back, slowly
far out, and bends the whole range. `bounded` is a clip in its value, and stops
only those gradients that would lead further out.

Convention:
    Training descends: a step moves a value against its gradient.
"""

import tensorflow as tf


def bounded(values, low, high):
    """Clips values, and lets those beyond a bound come back.

    Forward it is `min(max(values, low), high)`. Backward, with the gradient g
    of the result,

        gradient = 0   where values > high and g < 0,
                       where values < low  and g > 0,
                   g   elsewhere.

    Args:
        values: floating tensor.
        low: smallest value, a number.
        high: largest value, a number.

    Returns:
        Tensor of the shape of `values`, within [low, high].

    Example:
    A value above its bound hears only what calls it back:

    >>> from keras_attention.ops.bounds import bounded
    >>> value = tf.Variable(3.0)
    >>> with tf.GradientTape(persistent=True) as tape:
    ...     inside = bounded(value, 0.0, 1.0)
    ...     outwards, back = -inside, inside
    >>> inside.numpy()
    np.float32(1.0)
    >>> tape.gradient(outwards, value).numpy()
    np.float32(0.0)
    >>> tape.gradient(back, value).numpy()
    np.float32(1.0)
    """

    @tf.custom_gradient
    def clip(values):
        def gradient(upstream):
            too_high = (values > high) & (upstream < 0)
            too_low = (values < low) & (upstream > 0)
            return tf.where(
                too_high | too_low, tf.zeros_like(upstream), upstream
            )

        return tf.clip_by_value(values, low, high), gradient

    return clip(tf.convert_to_tensor(values))


def scale_gradient(values, factor):
    """Passes values on, and multiplies their gradient.

    Forward it is `values`; backward, `gradient = factor * g`. With plain
    gradient descent everything that made the values then learns `factor` times
    as fast. Adam and other optimizers that divide a gradient by its own size
    undo it.

    Args:
        values: floating tensor.
        factor: a number.

    Returns:
        The values.

    Example:
    >>> from keras_attention.ops.bounds import scale_gradient
    >>> value = tf.Variable(3.0)
    >>> with tf.GradientTape() as tape:
    ...     result = 2 * scale_gradient(value, 0.1)
    >>> tape.gradient(result, value).numpy()
    np.float32(0.2)
    """

    @tf.custom_gradient
    def identity(values):
        return tf.identity(values), lambda upstream: factor * upstream

    return identity(tf.convert_to_tensor(values))
