"""Where a model looked, at the size of the image, and what it thought then."""

from typing import Any

import keras
import tensorflow as tf

import keras_attention
from keras_attention import models
from keras_attention.models import split
from keras_attention.models.attention_layers import (
    choose,
    geometry_of,
    mechanism_of,
    with_axes,
)
from keras_attention.ops import regions

from .serving import attended, check_scores, decided, looking_at, prefix


class Explainer:
    """Explains the answers of a classifier with the layers of this package.

    Beside what `serving.serve` says it tells, where the model is of the kind:

        step_probabilities (B, T, K)    after each look; a model that can be
                                        taken apart, `models.every_step`
        squares   (B, T, S, 4)          the glimpses: left, top, right,
                                        bottom in pixels, the finest first
        glimpses  (B, T, g, g, S * C)   what the glimpse sensor read, where it
                                        reads the image itself
        masks     (B, T, H, W)          weights over a map, at the size of the
                                        image
        outlines  (B, T, n, P, 2)       borders of a transformer's crops,
                                        (x, y) in pixels

    Of several attention layers it explains the last loop. Pixels are those of
    `ops.regions`: the centre of the first is at 0.

    Args:
        model: built keras model, images to scores (B, K).
    """

    def __init__(self, model: keras.Model):
        self.stepwise, self.reads_images = _taken_apart(model)

    def __call__(
        self, images: tf.Tensor, location: Any = None
    ) -> dict[str, tf.Tensor]:
        """Explains the answers to images (B, H, W, C), float32 in [0, 1].

        With `location` (B, T, 2), the answers from looking there.
        """
        with (
            looking_at(location),
            keras_attention.record_attention() as recorded,
        ):
            scores = self.stepwise(images, training=False)
        if scores.shape.rank == 3:
            explained = decided(scores[:, -1])
            explained["step_probabilities"] = tf.nn.softmax(
                tf.cast(scores, "float32")
            )
        else:
            check_scores(scores)
            explained = decided(scores)
        explained |= attended(recorded)
        name, layer = choose(self.stepwise, recorded, None)
        seen = {
            key: recorded[name][key]
            for key in ("location", "attention_weights", "theta")
            if key in recorded[name]
        }
        return {**explained, **self._regions(images, layer, seen)}

    def _regions(
        self, images: tf.Tensor, layer: Any, seen: dict[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Where it looked, in pixels."""
        size, mechanism = _size(images), mechanism_of(layer)
        kind, geometry = geometry_of(mechanism, size, None)
        seen = with_axes(
            layer is mechanism, geometry.get("num_transforms"), seen
        )
        if kind == "mask":
            return {"masks": _at_size(seen["attention_weights"], size)}
        if kind == "transformer":
            return {"outlines": _outlines(seen["theta"], geometry, size)}
        if kind == "items":  # they lie nowhere
            return {}
        names = ("glimpse_size", "num_scales", "map_shape")
        squares = regions.glimpse_squares(
            seen["location"], *(geometry[name] for name in names), size
        )
        found = {"squares": squares}
        if self.reads_images:
            found["glimpses"] = _glimpses(
                mechanism.glimpse_sensor, images, seen["location"]
            )
        return found


def explainer(model: keras.Model, images: tf.Tensor) -> Explainer | None:
    """The explainer of a model, or None where there is nothing to explain.

    That is so without an attention layer, with several of which none is the
    last loop, and with a glimpse sensor whose size is not known.

    Args:
        model: as of `Explainer`.
        images: (B, H, W, C) to try it on.
    """
    explain = Explainer(model)
    try:
        explain(images)
    except ValueError:  # of what says where a model looks
        return None
    return explain


def described(model: keras.Model, images: tf.Tensor) -> dict[str, Any] | None:
    """What it takes to draw where a model looked, from its answers.

    Args:
        model: as of `Explainer`.
        images: (B, H, W, C) to try it on.

    Returns:
        Dict of the `kind` and the `geometry` of its attention, as of
        `training.Looked`; the `layer`; the `prefix` of the names of its
        outputs; and whether it is `in_loop`. None where there is nothing to
        explain.
    """
    with looking_at(None), keras_attention.record_attention() as recorded:
        model(images, training=False)
    try:
        name, layer = choose(model, recorded, None)
        mechanism = mechanism_of(layer)
        size = tuple(images.shape[1:3])
        kind, geometry = geometry_of(mechanism, size, None)
    except ValueError:  # of what says where a model looks
        return None
    return {
        "layer": name,
        "prefix": prefix(name, recorded),
        "kind": kind,
        "in_loop": layer is not mechanism,
        "geometry": geometry,
    }


def _taken_apart(model: keras.Model) -> tuple[keras.Model, bool]:
    """The model that answers after each look; whether it reads the image."""
    try:
        parted, steps = split.split(model), models.every_step(model)
    except ValueError:  # not a model of that form: it answers at the end
        return model, False
    (image,) = keras.tree.flatten(parted.inputs)
    return steps, parted.args[0] is image


def _size(images: tf.Tensor) -> tuple[Any, Any]:
    sizes = tf.shape(images)
    return tuple(images.shape[i] or sizes[i] for i in (1, 2))


def _at_size(weights: tf.Tensor, size: tuple[Any, Any]) -> tf.Tensor:
    """Weights over the cells of a map, (B, T, h, w), as (B, T, H, W)."""
    shape = tf.shape(weights)
    maps = tf.reshape(weights, (-1, shape[2], shape[3], 1))
    return _with_steps(tf.image.resize(maps, size)[..., 0], weights, 2)


def _outlines(
    theta: tf.Tensor, geometry: dict, size: tuple[Any, Any]
) -> tf.Tensor:
    """The borders of crops (B, T, n, ...) as polygons, (B, T, n, P, 2)."""
    flat = tf.reshape(theta, (-1, *theta.shape[3:]))
    borders = regions.outlines(flat, geometry["transform"])
    pixels = regions.to_pixels(borders, size, geometry["align_corners"])
    return _with_steps(pixels, theta, 3)


def _with_steps(flat: tf.Tensor, like: tf.Tensor, num_axes: int) -> tf.Tensor:
    """Splits the first axis of a tensor as the first axes of another are."""
    sizes = [*tf.unstack(tf.shape(like)[:num_axes])]
    known = [
        size or sizes[axis] for axis, size in enumerate(like.shape[:num_axes])
    ]
    sides = tf.unstack(tf.shape(flat)[1:])
    rest = [size or sides[axis] for axis, size in enumerate(flat.shape[1:])]
    return tf.reshape(flat, (*known, *rest))


def _glimpses(
    sensor: keras.layers.Layer, images: tf.Tensor, locations: tf.Tensor
) -> tf.Tensor:
    prepare = getattr(sensor, "prepare", lambda images: images)
    prepared = prepare(images)
    crops = [
        sensor(prepared, locations[:, time])
        for time in range(locations.shape[1])
    ]
    return tf.stack(crops, axis=1)
