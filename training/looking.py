"""Runs a model, and says what it looked at, whatever its attention.

The model is run while `keras_attention.record_attention()` is open, and what
one of its attention layers recorded is kept beside the scores, as a `Looked`.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_attention
from keras_attention import models
from keras_attention.layers.mechanism import Mechanism
from keras_attention.models.attention_layers import (
    attention_layers,
    choose,
    geometry_of,
    layer_of,
    mechanism_of,
    with_axes,
)
from keras_attention.policies.forced import force

from .looked import KEPT, Looked

# What of it `keras_attention.policy` can force.
HARD = {"location", "indices"}


def look(
    model: keras.Model,
    images: np.ndarray,
    *,
    layer: str | None = None,
    item_grid: tuple[int, int] | None = None,
    glimpse_size: int | None = None,
    batch_size: int = 500,
    forced: dict[str, np.ndarray] | None = None,
) -> Looked:
    """Runs a model and says what it looked at.

    It looks as the scope `keras_attention.policy(...)` says that is open, and
    as in evaluation where there is none.

    Args:
        model: Any Keras model from images to scores of classes with an
            attention layer of this package in it.
        images: (N, H, W, C), floating as the model takes them, or uint8,
            which stands for 0-255 and is scaled to [0, 1].
        layer: Name of the attention layer, where the model has several; by
            default the last loop (`RecurrentAttention`), or the only layer.
        item_grid: (rows, columns) in which the items of item-wise attention
            lie over the image, row by row; None if they do not.
        glimpse_size: Side of a glimpse in pixels, for a sensor of your own.
        batch_size: Images at a time.
        forced: What is attended to instead, for each image. Of hard
            attention `{"location": (N, 2)}` or `(N, T, 2)`, or `{"indices":
            (N, k)}` or `(N, T, k)`. Of soft attention `{"attention_weights":
            (N, rows, columns)}` or `(N, items)`; of a transformer `{"theta":
            (N, n, ...)}`; these at every step, and where `layer` is given
            of that layer alone.

    Returns:
        A `Looked`.

    Raises:
        ValueError: If the model has no attention layer that can be recorded,
            several among which none was chosen, several hard ones of which
            one is forced, no scores of classes as output, or the images have
            another shape.
    """
    images = np.asarray(images)
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            "`images` must have the shape (N, H, W, C), none of them 0. "
            f"Received: images.shape={images.shape}"
        )
    forced = forced or {}
    found = {}
    known = attention_layers(model)
    only = mechanism_of(layer_of(known, layer)) if layer is not None else None
    if not HARD.isdisjoint(forced):
        _check_only_one(model)

    if not model.built:  # building a model calls its layers, too
        model(floating(images[:1]))

    def run(batch: tf.Tensor, forced: dict) -> tuple[tf.Tensor, dict]:
        batch = floating(batch)
        with (
            _forced(forced, only),
            keras_attention.record_attention() as recorded,
        ):
            scores = model(batch, training=False)
        found["chosen"] = choose(model, recorded, layer)
        seen = recorded[found["chosen"][0]]
        kept = {name: seen[name] for name in KEPT if name in seen}
        return _scores(model, scores), kept

    scores, attention = _in_batches(run, images, forced, batch_size)
    name, found_layer = found["chosen"]
    mechanism = mechanism_of(found_layer)
    shape = images.shape[1:3]
    kind, geometry = geometry_of(mechanism, shape, glimpse_size)
    attention = with_axes(
        found_layer is mechanism, geometry.get("num_transforms"), attention
    )
    if kind == "mask":
        geometry["map_shape"] = attention["attention_weights"].shape[2:]
    if kind == "items":
        geometry["item_grid"] = _check_item_grid(item_grid, attention)
        cell = getattr(found_layer, "cell", None)
        geometry["never_twice"] = getattr(cell, "inhibition_of_return", False)
    return Looked(kind, name, shape, scores, attention, geometry)


def stepwise_model(model: keras.Model) -> tuple[keras.Model, str]:
    """The model that answers after every step, or the model itself.

    Returns:
        The model, and why it has no such answers; "" where it has.
    """
    try:
        return models.every_step(model), ""
    except ValueError as error:
        return model, str(error)


def floating(images: np.ndarray) -> tf.Tensor:
    """Images as they are, uint8 scaled to [0, 1]."""
    images = tf.convert_to_tensor(images)
    if images.dtype == tf.uint8:
        return tf.cast(images, "float32") / 255
    return images


def _in_batches(
    run: Callable[[np.ndarray, dict], Any],
    images: np.ndarray,
    forced: dict[str, np.ndarray],
    batch_size: int,
) -> Any:
    """What `run` returns for each batch, as arrays of all."""
    if len(images) > batch_size:  # worth the seconds that tracing takes
        run = tf.function(
            run,
            autograph=False,
            input_signature=[
                _any_batch(images),
                {name: _any_batch(value) for name, value in forced.items()},
            ],
        )
    batches = []
    for start in range(0, len(images), batch_size):
        rows = slice(start, start + batch_size)
        given = {name: value[rows] for name, value in forced.items()}
        batches.append(run(images[rows], given))
    return tf.nest.map_structure(
        lambda *parts: np.concatenate([part.numpy() for part in parts]),
        *batches,
    )


def _any_batch(values: np.ndarray) -> tf.TensorSpec:
    return tf.TensorSpec((None, *values.shape[1:]), values.dtype)


@contextlib.contextmanager
def _forced(values: dict, only: Mechanism | None) -> Iterator[None]:
    hard = {name: values[name] for name in values if name in HARD}
    soft = {name: values[name] for name in values if name not in HARD}
    with contextlib.ExitStack() as scopes:
        if hard:
            scopes.enter_context(keras_attention.policy(**hard))
        if soft:
            scopes.enter_context(force(**soft, layer=only))
        yield


def hard_layers(model: keras.Model) -> list[str]:
    """Names of the layers of a model that sample where to look."""
    return [
        layer.name
        for layer in model._flatten_layers()
        if isinstance(layer, Mechanism) and layer.samples
    ]


def _check_only_one(model: keras.Model) -> None:
    hard = hard_layers(model)
    if len(hard) > 1:
        raise ValueError(
            "Where hard attention looks can be forced in models with one such "
            "layer: `keras_attention.policy` reaches all of them. "
            f"Received: {model.name!r} with {', '.join(hard)}"
        )


def _scores(model: keras.Model, outputs: tf.Tensor) -> tf.Tensor:
    flat = tf.nest.flatten(outputs)
    if len(flat) != 1 or flat[0].shape.rank not in (2, 3):
        raise ValueError(
            f"The model {model.name!r} must return scores of classes, (batch, "
            "classes) or (batch, steps, classes). Received: outputs of the "
            f"shapes {[tuple(one.shape) for one in flat]}"
        )
    if flat[0].shape[-1] == 1:
        raise ValueError(
            f"The model {model.name!r} must return a score for each of at "
            f"least two classes. Received: outputs.shape={flat[0].shape}"
        )
    return tf.cast(flat[0], "float32")


def _check_item_grid(
    item_grid: tuple[int, int] | None, attention: dict
) -> tuple[int, int] | None:
    num_items = attention["attention_weights"].shape[-1]
    if item_grid is None:
        return None
    rows, columns = item_grid
    if rows * columns != num_items:
        raise ValueError(
            f"`item_grid` must have a place for each of the {num_items} "
            f"items. Received: item_grid={tuple(item_grid)}"
        )
    return rows, columns
