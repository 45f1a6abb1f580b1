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
def force(attention_weights=None, theta=None, layer=None):
    """Replaces what soft attention, or transformers, compute.

    Args:
        attention_weights: of soft attention, (B, N) or (B, H, W), or None.
        theta: of `SpatialTransformer`, as its attention gives it: (B, ...),
            or (B, n, ...) of several crops. Or None.
        layer: the only layer whose attention is replaced, None for all.

    Example:
    >>> from keras_attention.policies.forced import force
    >>> items = np.array([[[1.0], [5.0]]], "float32")
    >>> with force(attention_weights=np.array([[0.0, 1.0]], "float32")):
    ...     ItemWiseSoftAttention()(items).numpy()
    array([[5.]], dtype=float32)
    """
    values = {"attention_weights": attention_weights, "theta": theta}
    _forced.append((values, layer))
    try:
        yield
    finally:
        _forced.pop()


def instead_of(name, value, layer=None):
    """What the innermost scope forces, or the value itself.

    Args:
        name: `"attention_weights"` or `"theta"`.
        value: what was computed.
        layer: the layer that computed it.

    Raises:
        ValueError: if what is forced does not have the value's size.
    """
    values, only = _forced[-1] if _forced else ({}, None)
    given = values.get(name)
    if given is None or (only is not None and only is not layer):
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
