"""What exported files are asked, and what the Keras model answers to it."""

import dataclasses
import io
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from . import image_bytes
from .explain import explainer
from .images import read_image
from .inputs import floating
from .sample import num_numbers, sample
from .serving import serve
from .signatures import BYTES, DEFAULT, EXPLAIN, SAMPLE
from .warmup import png

Arrays = dict[str, np.ndarray]
BATCH_SIZE = 256


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """One request and the answer to it.

    Attributes:
        inputs: arrays (N, ...) by name.
        outputs: arrays (N, ...) by name.
        at: a function of which examples, (N,) bool, and of where their
            glimpses are to be, to the outputs then.
    """

    inputs: Arrays
    outputs: Arrays
    at: Callable[[np.ndarray, np.ndarray], Arrays]


def references(
    model: keras.Model,
    spec: tf.TensorSpec,
    examples: np.ndarray,
    num_others: int,
) -> dict[str, Reference]:
    """The requests to all signatures that a model has, with the answers.

    Args:
        model: the keras model, in float32.
        spec: of the images that its files take.
        examples: (N, H, W, C), float32 in [0, 1].
        num_others: how many examples the signatures beside the default get.

    Returns:
        Dict of signatures.
    """

    def served_at(images):
        return lambda which, location: keras_outputs(
            model, images[which], location
        )

    taken = as_taken(examples, spec)
    found = {
        DEFAULT: Reference(
            {"image": taken}, keras_outputs(model, taken), served_at(taken)
        )
    }
    some = taken[:num_others]
    images = floating(tf.constant(some))
    if image_bytes.can_decode(spec):
        files = [png(image) for image in some]
        shape = tuple(spec.shape[1:])
        read = np.stack([read_image(io.BytesIO(file), shape) for file in files])
        found[BYTES] = Reference(
            {"image_bytes": np.array(files)},
            keras_outputs(model, read),
            served_at(read),
        )
    width = num_numbers(model, images[:1])
    if width:
        noise = np.random.default_rng(0).random((len(some), width), "float32")
        found[SAMPLE] = Reference(
            {"image": some, "noise": noise},
            _numpy(sample(model, images, tf.constant(noise))),
            served_at(some),
        )
    explain = explainer(model, images[:1])
    if explain:
        found[EXPLAIN] = Reference(
            {"image": some},
            _numpy(explain(images)),
            lambda which, location: _numpy(explain(images[which], location)),
        )
    return found


def keras_outputs(
    model: keras.Model, images: np.ndarray, location: np.ndarray | None = None
) -> Arrays:
    """What a Keras model itself makes of images, floating or uint8.

    Args:
        model: images to scores.
        images: (N, H, W, C).
        location: (N, T, 2), to look there.
    """
    batches = []
    for start in range(0, len(images), BATCH_SIZE):
        batch = slice(start, start + BATCH_SIZE)
        places = None if location is None else location[batch]
        floats = floating(tf.constant(images[batch]))
        batches.append(_numpy(serve(model, floats, places)))
    return {
        name: np.concatenate([batch[name] for batch in batches])
        for name in batches[0]
    }


def as_taken(examples: np.ndarray, spec: tf.TensorSpec) -> np.ndarray:
    """Images in [0, 1] as files of this spec take them."""
    if spec.dtype == tf.uint8:
        return np.round(examples * 255).clip(0, 255).astype("uint8")
    return examples


def _numpy(outputs: dict[str, tf.Tensor]) -> Arrays:
    return {name: value.numpy() for name, value in outputs.items()}
