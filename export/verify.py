"""Checks that exported files compute what the Keras model computes."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .clean_run import ExportError, run_in_clean_process
from .comparison import TOLERANCE, Comparison, compare
from .files import WEB
from .float32 import in_float32
from .inputs import checked_spec, floating
from .predict import checked_images
from .references import Reference, references
from .signatures import DEFAULT, EXPLAIN

# How many examples are compared, and how many in the signatures beside the
# default.
NUM_EXAMPLES, NUM_OTHERS = 1000, 20
# The share of examples that rounding may move; one always may be.
MOST_MOVED = 0.01


def verify_export(
    model: keras.Model,
    files: dict[str, Path],
    examples: Any,
    image_spec: tf.TensorSpec | None = None,
) -> dict[str, Any]:
    """Compares exported files with the Keras model.

    Each file runs in a clean process, where tensorflow_probability, tf_keras
    and this package, and for other files than a SavedModel tensorflow, cannot
    be imported; on all examples together and on each alone. Compared are all
    outputs of all signatures, with those of the Keras model in float32:
    `serving_default` on up to 1,000 examples, the others on 20 of them.

    A crop of whole pixels jumps where a location lies on the border between
    two, so the last digit of a location can decide what is seen, and with it
    where the model looks next. An example that differs is therefore taken as
    moved by rounding, and counted, if Keras agrees in everything once it looks
    at the places of the file; of 100 examples one may be.

    Args:
        model: the keras model that was exported.
        files: folders of SavedModels, .tflite and .onnx files, by the names
            that the result calls them by. The file `"web"` has what others
            call `explain`, of floating images, as `serving_default`.
        examples: (N, H, W, C) real images, uint8 or floating in [0, 1].
        image_spec: that the files were exported with.

    Returns:
        Dict of `examples` (N), `tolerance`, `largest_difference`,
        `moved_by_rounding` (the most examples of a signature of a file that
        were), and for each file a dict of its signatures to dicts of outputs
        to their greatest differences at the same places. They are absolute
        up to 1, and relative to what is larger; those of pixels are shares of
        the longer side of the image. Different classes differ by 1 or more.

    Raises:
        ExportError: if a file does not run, an output differs by more than
            `TOLERANCE`, or rounding moves too many examples.
        ValueError: if there are no examples, or they do not fit the model.
    """
    model = in_float32(model)
    spec = checked_spec(model, image_spec)
    examples = checked_examples(model, examples, spec)[:NUM_EXAMPLES]
    expected = references(model, spec, examples, NUM_OTHERS)
    parity, num_moved = {}, 0
    for name, file in files.items():
        asked = _of_web(expected) if name == WEB else expected
        answers = run_in_clean_process(
            file, {key: one.inputs for key, one in asked.items()}
        )
        parity[name] = {}
        for signature, runs in answers.signatures.items():
            compared = [compare(asked[signature], run) for run in runs]
            for comparison in compared:
                _check(comparison, f"{name} in {signature}")
                num_moved = max(num_moved, comparison.moved.sum())
            parity[name][signature] = {
                output: max(float(one.found[output].max()) for one in compared)
                for output in asked[signature].outputs
            }
    return {
        "examples": len(examples),
        "tolerance": TOLERANCE,
        "largest_difference": max(
            difference
            for signatures in parity.values()
            for outputs in signatures.values()
            for difference in outputs.values()
        ),
        "moved_by_rounding": int(num_moved),
        **parity,
    }


def _of_web(expected: dict[str, Reference]) -> dict[str, Reference]:
    """What is asked of the file that a browser reads."""
    explain = expected[EXPLAIN]
    images = floating(tf.constant(explain.inputs["image"])).numpy()
    return {DEFAULT: dataclasses.replace(explain, inputs={"image": images})}


def _check(comparison: Comparison, what: str) -> None:
    """Raises `ExportError` unless a file computes what Keras does."""
    count = len(comparison.moved)
    wrong = np.flatnonzero(comparison.wrong)
    if len(wrong):
        largest = {
            output: float(values.max())
            for output, values in comparison.found.items()
        }
        raise ExportError(
            f"The {what} differs from the Keras model in {len(wrong)} of "
            f"{count} examples (numbers {wrong[:10].tolist()}): {largest}, "
            f"where at most {TOLERANCE} is allowed."
        )
    moved = np.flatnonzero(comparison.moved)
    if len(moved) > max(1, MOST_MOVED * count):
        raise ExportError(
            f"Rounding moves where the {what} looks in {len(moved)} of {count} "
            f"examples (numbers {moved[:10].tolist()}), where {MOST_MOVED:.0%} "
            "is allowed; made to look at the same places, Keras agrees. That "
            "happens where the location network is very steep, and with "
            'interpolation="nearest", which jumps by a whole pixel where a '
            "location lies on the border between two."
        )


def checked_examples(
    model: keras.Model, examples: Any, image_spec: tf.TensorSpec | None = None
) -> np.ndarray:
    """Examples as float32 (N, H, W, C), N at least 1.

    Raises:
        ValueError: if they are not that, or do not fit the model.
    """
    examples = np.asarray(examples)
    if examples.ndim != 4 or not len(examples):
        raise ValueError(
            "`examples` must hold at least one image, (N, height, width, "
            f"channels). Received: examples.shape={examples.shape}"
        )
    if image_spec is None:
        taken = tf.TensorSpec((None, *examples.shape[1:]), "float32")
        image_spec = checked_spec(model, taken)
    return checked_images(examples, tuple(image_spec.shape[1:]))
