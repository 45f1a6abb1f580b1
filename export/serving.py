"""What an exported model computes: images to probabilities and attention."""

import contextlib
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
        ValueError: if the model does not return scores (B, K), or two outputs
            would have one name.
    """
    with looking_at(location):
        return answer(model, images)


def looking_at(location: Any) -> contextlib.AbstractContextManager:
    """Hard attention at given places, or, without any, at its mode."""
    name = "mode" if location is None else None
    return keras_attention.policy(name, location=location)


def answer(model: keras.Model, images: Any) -> dict[str, tf.Tensor]:
    """Calls a classifier as `serve` does, in the policy that is in force."""
    with keras_attention.record_attention() as attention:
        scores = model(images, training=False)
    check_scores(scores)
    return {**decided(scores), **attended(attention)}


def decided(scores: tf.Tensor) -> dict[str, tf.Tensor]:
    """The `probabilities` and the `class` that scores (B, K) give."""
    scores = tf.cast(scores, "float32")
    return {
        "probabilities": tf.nn.softmax(scores),
        "class": tf.argmax(scores, axis=-1, output_type="int32"),
    }


def check_scores(scores: Any) -> None:
    """Raises `ValueError` unless scores are (B, K)."""
    shape = getattr(scores, "shape", None)
    if shape is None or len(shape) != 2:
        found = type(scores).__name__ if shape is None else tuple(shape)
        raise ValueError(
            "`model` must return scores of classes, one tensor (batch, "
            f"classes). Received: {found}"
        )


def attended(attention: dict[str, dict]) -> dict[str, tf.Tensor]:
    """What layers recorded, by the names of outputs."""
    outputs = {}
    for layer, values in attention.items():
        for name, value in values.items():
            if name in NOT_EXPORTED:
                continue
            output = prefix(layer, attention) + name
            if output in outputs:
                raise ValueError(
                    f"Two outputs would be named {output!r}: rename "
                    f"one of the layers. Received: {list(attention)}"
                )
            outputs[output] = tf.identity(value)
    return outputs


def prefix(layer: str, attention: dict[str, dict]) -> str:
    """What comes before the names of the outputs of a layer.

    Nothing, where no other layer attends.
    """
    return re.sub(r"\W", "_", layer) + "_" if len(attention) > 1 else ""
