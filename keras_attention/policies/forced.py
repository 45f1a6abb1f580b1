"""A scope that forces what soft attention and transformers look at.

Hard attention is told where to look by `keras_attention.policy(...)`. What is
differentiable computes its weights, or its theta, and this scope replaces
them, at every step of a loop: to ask what a trained recogniser makes of
another place.
"""

import contextlib

import tensorflow as tf

# Process-wide, as `policies.scope` is.
_forced = []


@contextlib.contextmanager
def force(attention_weights=None, theta=None):
    """Replaces what all soft attention, or all transformers, compute.

    Args:
        attention_weights: of soft attention, (B, N) or (B, H, W), or None.
        theta: of `SpatialTransformer`, as its attention gives it: (B, ...),
            or (B, n, ...) of several crops. Or None.

    Example:
    >>> from keras_attention.policies.forced import force
    >>> items = np.array([[[1.0], [5.0]]], "float32")
    >>> with force(attention_weights=np.array([[0.0, 1.0]], "float32")):
    ...     ItemWiseSoftAttention()(items).numpy()
    array([[5.]], dtype=float32)
    """
    _forced.append({"attention_weights": attention_weights, "theta": theta})
    try:
        yield
    finally:
        _forced.pop()


def instead_of(name, value):
    """What the innermost scope forces, or the value itself.

    Args:
        name: `"attention_weights"` or `"theta"`.
        value: what was computed.

    Raises:
        ValueError: if what is forced does not have the value's size.
    """
    given = _forced[-1][name] if _forced else None
    if given is None:
        return value
    given = tf.cast(tf.convert_to_tensor(given), value.dtype)
    if name == "theta":  # the crops of an image one after the other
        given = tf.reshape(given, (-1, *value.shape[1:]))
    if not given.shape.is_compatible_with(value.shape):
        raise ValueError(
            f"`force({name}=...)` must have the shape of what it replaces, "
            f"{tuple(value.shape)}. Received: {name}.shape="
            f"{tuple(given.shape)}"
        )
    return given
