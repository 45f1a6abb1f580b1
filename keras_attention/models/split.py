"""Splits a functional model at the driver that looks several times."""

import dataclasses
from typing import Any

import keras

from keras_attention.layers.recurrent_attention import RecurrentAttention
from keras_attention.models.image_classifier import ImageClassifier
from keras_attention.models.image_model import ImageModel
from keras_attention.models.reinforce_model import ReinforceModel


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """A model in two parts, on the layers of the model itself.

        model(inputs) = head(driver(*args, **kwargs))

    Attributes:
        inputs: symbolic inputs of the model.
        driver: the `RecurrentAttention`.
        args: what the driver is called on, symbolic, made of `inputs`.
        kwargs: the same.
        head: `keras.Model` from the driver's output to the model's.
    """

    inputs: Any
    driver: RecurrentAttention
    args: tuple
    kwargs: dict
    head: keras.Model


def split(model):
    """Splits a model  image -> encoder -> driver -> head  at its driver.

    The driver may stand in a model inside the model. No weight is copied.

    Args:
        model: functional model, with one `RecurrentAttention` over a static
            input and one output, which depends on the last output of the
            driver and on nothing else.

    Returns:
        `Split`.

    Raises:
        ValueError: if the model is not that.
    """
    flat = _flattened(model)
    driven = _driven(model, flat)
    _check_head(model, flat.outputs, driven)
    output, scores = driven.output_tensors[0], flat.outputs[0]
    if scores is output:  # a model needs a layer
        scores = keras.layers.Identity()(output)
    return Split(
        inputs=flat.input,
        driver=driven.operation,
        args=driven.arguments.args,
        kwargs={**driven.arguments.kwargs, "return_attention": False},
        head=keras.Model(output, scores, name="head"),
    )


def driver_like(driver, **changes):
    """A driver of the same cell, with other arguments.

    Args:
        driver: the `RecurrentAttention`.
        **changes: arguments of the constructor.

    Returns:
        `RecurrentAttention` of the same name, on the same weights.
    """
    config = {**driver.get_config(), "cell": driver.cell, **changes}
    return type(driver).from_config(config)


def model_like(model, inputs, outputs, name, **changes):
    """A functional model that is called, and follows `policy`, as another.

    Args:
        model: the other, of whose layers the outputs are made.
        inputs: symbolic inputs.
        outputs: symbolic outputs.
        name: name of the model.
        **changes: arguments of `ReinforceModel` that are not to be as those
            of `model`.

    Returns:
        An `ImageClassifier` or a `ReinforceModel` where `model` is one, which
        learns from a reward as it does; an `ImageModel` where it is one; else
        a `keras.Model`.
    """
    for kind in (ImageClassifier, ReinforceModel):
        if isinstance(model, kind):
            learning = {**model.learning(), **changes}
            return kind(inputs, outputs, name=name, **learning)
    kind = ImageModel if isinstance(model, ImageModel) else keras.Model
    return kind(inputs, outputs, name=name)


def _flattened(model):
    """The model with the models inside it that hold a driver taken apart."""
    if not isinstance(model, keras.Model) or not getattr(
        model, "outputs", None
    ):
        raise ValueError(
            "The model must be functional, `keras.Model(inputs, outputs)`, or "
            "a built `keras.Sequential`: in another the parts before and "
            f"after the glimpses cannot be told apart. Received: {model}"
        )
    sequential = isinstance(model, keras.Sequential)
    inputs = model.inputs[0] if sequential else model.input
    flat = keras.Model(inputs, model.outputs)
    while any(map(_holds_a_driver, flat.layers)):
        flat = keras.models.clone_model(
            flat, clone_function=lambda layer: layer, call_function=_taken_apart
        )
    return flat


def _holds_a_driver(layer):
    return (
        isinstance(layer, keras.Model)
        and bool(getattr(layer, "outputs", None))
        and any(
            isinstance(part, RecurrentAttention)
            for part in layer._flatten_layers()
        )
    )


def _taken_apart(layer, *args, **kwargs):
    # `call` of a functional model calls its layers one by one.
    call = layer.call if _holds_a_driver(layer) else layer
    return call(*args, **kwargs)


def _driven(model, flat):
    """The one call of a driver in a model."""
    if len(flat.outputs) != 1:
        raise ValueError(
            "The model must have one output, scores of classes. Received: "
            f"{model.name!r} with {len(flat.outputs)} outputs"
        )
    calls = [
        call
        for call in _calls(flat.outputs)
        if isinstance(call.operation, RecurrentAttention)
    ]
    if len(calls) != 1:
        raise ValueError(
            "The model must look with one `RecurrentAttention`, called once. "
            f"Received: {model.name!r} with {len(calls)} calls of one"
        )
    driver = calls[0].operation
    if driver.num_glimpses is None:
        raise ValueError(
            "The driver must look several times at one input: "
            "`RecurrentAttention(cell, num_glimpses=...)`. Received: "
            f"driver={driver.name!r} with num_glimpses=None"
        )
    return calls[0]


def _call(tensor):
    """The call of a layer that made a symbolic tensor."""
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def _calls(tensors, until=None):
    """All calls that made symbolic tensors, back to one of them."""
    found, waiting = {}, list(tensors)
    while waiting:
        call = _call(waiting.pop())
        if call is not until and id(call) not in found:
            found[id(call)] = call
            waiting.extend(call.input_tensors)
    return list(found.values())


def _check_head(model, outputs, driven):
    read = list(outputs)
    for call in _calls(outputs, until=driven):
        read += call.input_tensors
    others = {
        tensor._keras_history.operation.name
        for tensor in read
        if tensor is not driven.output_tensors[0]
        and (_call(tensor) is driven or _call(tensor).is_input)
    }
    if others:
        raise ValueError(
            "What follows the driver must depend on its output and on nothing "
            f"else. Received: {model.name!r}, whose output depends on "
            f"{sorted(others)} besides"
        )
