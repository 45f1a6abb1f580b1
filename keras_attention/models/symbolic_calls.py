"""Running a model without data: to know what it attends to, and how often."""

import keras
import tensorflow as tf

from keras_attention.models.choices import choices_in
from keras_attention.policies import rollouts, scope


def choices_of_call(call, args, kwargs):
    """What a model chooses, known by its shapes.

    Args:
        call: the `call` of a model.
        args: its arguments, tensors or symbolic ones.
        kwargs: those given by name.

    Returns:
        `Choices` of tensors without values.
    """
    recorded = []

    def run(*args, **kwargs):
        with scope.only_shapes(), scope.record_attention() as attention:
            call(*args, **kwargs)
        recorded.append(choices_in(attention))

    # Traced twice where it makes variables.
    args, kwargs = _specs(args, kwargs)
    tf.function(run, autograph=False).get_concrete_function(*args, **kwargs)
    return recorded[-1]


def check_rollouts(call, num_samples, args, kwargs):
    """Raises `ValueError` unless a model can take several rollouts at once.

    All that comes after the first hard attention must have a row for each
    rollout. On a batch of a known size a layer that is given one row for each
    rollout and one for each example says so.

    Args:
        call: the `call` of a model.
        num_samples: K.
        args: its arguments, tensors or symbolic ones.
        kwargs: those given by name.
    """
    batch_size = static_batch_size(args, kwargs) or 3

    def run(*args, **kwargs):
        with (
            scope.only_shapes(),
            scope.record_nothing(),
            scope.policy("sample"),
            rollouts.rollouts(num_samples, batch_size),
        ):
            outputs = call(*args, **kwargs)
        for output in keras.tree.flatten(outputs):
            if output.shape[0] not in (None, batch_size * num_samples):
                raise ValueError(
                    f"An output has the shape {tuple(output.shape)}."
                )

    args, kwargs = _specs(args, kwargs, batch_size)
    try:
        tf.function(run, autograph=False).get_concrete_function(*args, **kwargs)
    except ValueError as error:
        raise ValueError(
            f"With `num_samples={num_samples}` all that comes after the first "
            f"hard attention has {num_samples} rows for each example. "
            "Something with one row for each goes past it, to an output or "
            "to a layer after it: let it pass through the attention, or use "
            f"`num_samples=1`. With a batch of {batch_size}: {error}"
        ) from error


def static_batch_size(args, kwargs):
    """The batch of the inputs of a model, or None where it is not known."""
    return _first(args, kwargs).shape[0]


def batch_size_of(args, kwargs):
    """The batch of the inputs of a model, an integer or a tensor."""
    known = static_batch_size(args, kwargs)
    return tf.shape(_first(args, kwargs))[0] if known is None else known


def _first(args, kwargs):
    return next(
        value
        for value in keras.tree.flatten((args, kwargs))
        if len(getattr(value, "shape", ()))
    )


def _specs(args, kwargs, batch_size=None):
    def spec(value):
        if not hasattr(value, "shape"):
            return value
        shape = tuple(value.shape)
        if batch_size is not None and shape:
            shape = (batch_size, *shape[1:])
        return tf.TensorSpec(shape, value.dtype)

    return keras.tree.map_structure(spec, (args, kwargs))
