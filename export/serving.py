"""What an exported model computes: images to probabilities and attention."""

import re
from typing import Any

import keras
import tensorflow as tf

import keras_attention

# For training: they describe choices that an exported model does not make.
NOT_EXPORTED = ("log_prob", "entropy", "query")


def serve(
    model: keras.Model, images: Any, location: Any = None
) -> dict[str, tf.Tensor]:
    """Calls a classifier as its exported files do.

    Hard attention takes the mode of its distribution, so the same images
    always give the same outputs.

    Args:
        model: keras model, (B, H, W, C) images to (B, K) scores.
        images: (B, H, W, C), float32 in [0, 1].
        location: (B, T, 2), to look there instead of at the mode.

    Returns:
        `probabilities` (B, K), the softmax of the scores, `class` (B,) int32,
        and what the model attended to, such as `location` (B, T, 2). If
        several layers attend, their names come first: `coarse_location`.

    Raises:
        ValueError: if the model does not return scores (B, K).
    """
    name = "mode" if location is None else None
    with (
        keras_attention.policy(name, location=location),
        keras_attention.record_attention() as attention,
    ):
        scores = model(images, training=False)
    _check_scores(scores)
    scores = tf.cast(scores, "float32")
    return {
        "probabilities": tf.nn.softmax(scores),
        "class": tf.argmax(scores, axis=-1, output_type="int32"),
        **_named(attention),
    }


def checked_input_shape(
    model: keras.Model, input_shape: tuple | None = None
) -> tuple[int, int, int]:
    """The (H, W, C) of the images that a model takes.

    Args:
        model: built keras model with one input, images.
        input_shape: (H, W, C), needed where the model leaves a side open.

    Raises:
        ValueError: if the model is not such a model, was never called, or
            the shape does not fit it.
    """
    declared = _declared_shape(model, input_shape)
    shape = tuple(input_shape or declared[1:])
    if len(shape) != 3 or not all(isinstance(n, int) for n in shape):
        raise ValueError(
            "`input_shape` must be three whole numbers (height, width, "
            "channels); give it where the model leaves a side open. Received: "
            f"input_shape={input_shape}, and the model takes {declared}"
        )
    fits = (d in (None, n) for d, n in zip(declared[1:], shape, strict=True))
    if not all(fits):
        raise ValueError(
            f"`input_shape` must fit the model, which takes {declared}. "
            f"Received: input_shape={shape}"
        )
    return shape


def _declared_shape(model: keras.Model, input_shape: tuple | None) -> tuple:
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"`model` must be a keras.Model. Received: model={model!r}"
        )
    if not model.built:
        raise ValueError(
            "`model` was never called, so it has no weights to export: call "
            f"it once on images. Received: model={model.name!r}"
        )
    try:
        inputs = keras.tree.flatten(model.inputs)
    except (AttributeError, ValueError):  # a subclassed model
        inputs = []
    if inputs:
        shapes = [tuple(tensor.shape) for tensor in inputs]
    elif input_shape is not None:
        shapes = [(None, *input_shape)]
    else:
        shape = (model.get_build_config() or {}).get("input_shape")
        shapes = [tuple(shape)] if shape else []
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ValueError(
            "`model` must have one input, images (batch, height, width, "
            f"channels). Received: inputs of shapes {shapes}"
        )
    return shapes[0]


def _check_scores(scores: Any) -> None:
    shape = getattr(scores, "shape", None)
    if shape is None or len(shape) != 2:
        found = type(scores).__name__ if shape is None else tuple(shape)
        raise ValueError(
            "`model` must return scores of classes, one tensor (batch, "
            f"classes). Received: {found}"
        )


def _named(attention: dict[str, dict]) -> dict[str, tf.Tensor]:
    outputs = {}
    for layer, values in attention.items():
        prefix = re.sub(r"\W", "_", layer) + "_" if len(attention) > 1 else ""
        for name, value in values.items():
            if name in NOT_EXPORTED:
                continue
            if prefix + name in outputs:
                raise ValueError(
                    f"Two outputs would be named {prefix + name!r}: rename "
                    f"one of the layers. Received: {list(attention)}"
                )
            outputs[prefix + name] = tf.identity(value)
    return outputs
