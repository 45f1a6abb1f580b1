"""Checks that exported files compute what the Keras model computes."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .clean_run import ExportError, run_in_clean_process
from .float32 import in_float32
from .inputs import checked_spec
from .predict import checked_images
from .references import Reference, references
from .serving import serve
from .signatures import DEFAULT

TOLERANCE = 1e-4
# How many examples are compared, and how many in the signatures beside the
# default.
NUM_EXAMPLES, NUM_OTHERS = 1000, 20

# Outputs in pixels are compared as shares of the image.
IN_PIXELS = ("squares", "outlines")


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

    Args:
        model: the keras model that was exported.
        files: folders of SavedModels, .tflite and .onnx files, by the names
            that the result calls them by.
        examples: (N, H, W, C) real images, uint8 or floating in [0, 1].
        image_spec: that the files were exported with.

    Returns:
        Dict of `examples` (N), `tolerance`, `largest_difference`,
        `classes_identical`, and for each file a dict of its signatures to
        dicts of outputs to their greatest differences. They are absolute
        up to 1, and relative to what is larger; those of pixels are shares
        of the longer side of the image.

    Raises:
        ExportError: if a file does not run, an output differs by more than
            `TOLERANCE`, or a class differs.
        ValueError: if there are no examples, or they do not fit the model.
    """
    model = in_float32(model)
    spec = checked_spec(model, image_spec)
    examples = checked_examples(model, examples, spec)[:NUM_EXAMPLES]
    expected = references(model, spec, examples, NUM_OTHERS)
    parity = {
        name: _parity(name, file, model, expected, examples)
        for name, file in files.items()
    }
    found = [
        difference
        for signatures in parity.values()
        for outputs in signatures.values()
        for difference in outputs.values()
    ]
    return {
        "examples": len(examples),
        "tolerance": TOLERANCE,
        "largest_difference": max(found),
        "classes_identical": True,
        **parity,
    }


def _parity(
    name: str,
    file: Path,
    model: keras.Model,
    expected: dict[str, Reference],
    examples: np.ndarray,
) -> dict[str, dict[str, float]]:
    """The greatest differences of a file, by signature and output."""
    answers = run_in_clean_process(
        file, {key: one.inputs for key, one in expected.items()}
    )
    parity = {}
    for signature, runs in answers.signatures.items():
        reference = expected[signature].outputs
        size = max(examples.shape[1:3])
        found = [
            _in_shares(differences(reference, outputs), size)
            for outputs in runs
        ]
        wrong = np.union1d(*map(exceeding, found))
        parity[signature] = {
            key: float(np.max([one[key] for one in found])) for key in reference
        }
        if len(wrong):
            count = len(next(iter(reference.values())))
            raise ExportError(
                f"The {name} differs from the Keras model in {len(wrong)} of "
                f"{count} examples of {signature} (numbers "
                f"{wrong[:10].tolist()}): {parity[signature]}, where at most "
                f"{TOLERANCE} is allowed. "
                + (
                    _diagnosis(model, examples, runs, wrong)
                    if signature == DEFAULT
                    else ""
                )
            )
    return parity


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


def differences(
    reference: dict[str, np.ndarray], outputs: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The greatest difference of each output in each example.

    It is absolute up to 1, and relative to what is larger.

    Args:
        reference: outputs of the Keras model.
        outputs: those of an exported file.

    Returns:
        Dict of the outputs to (N,); infinite where an output is missing or
        of another shape.
    """
    return {
        name: _difference(expected, outputs.get(name))
        for name, expected in reference.items()
    }


def exceeding(found: dict[str, np.ndarray]) -> np.ndarray:
    """Numbers of the examples with a difference beyond `TOLERANCE`.

    Different classes and indices differ by one at least.
    """
    # Written so that NaN counts as different.
    within = [difference <= TOLERANCE for difference in found.values()]
    return np.flatnonzero(~np.all(within, axis=0))


def _in_shares(
    found: dict[str, np.ndarray], size: int
) -> dict[str, np.ndarray]:
    return {
        name: value / size if name in IN_PIXELS else value
        for name, value in found.items()
    }


def _difference(expected: np.ndarray, found: np.ndarray | None) -> np.ndarray:
    """(N,): the greatest absolute difference in each example."""
    if found is None or found.shape != expected.shape:
        return np.full(len(expected), np.inf)
    difference = np.abs(found.astype("float64") - expected.astype("float64"))
    if np.issubdtype(expected.dtype, np.floating):
        # The grid of a projection reaches far outside of the image.
        difference /= np.maximum(1, np.abs(expected))
    return difference.reshape(len(expected), -1).max(axis=1)


def _diagnosis(
    model: keras.Model,
    examples: np.ndarray,
    runs: list[dict[str, np.ndarray]],
    wrong: np.ndarray,
) -> str:
    """Why examples differ, if it is where they looked; else nothing.

    Where Keras is made to look at the places that the exported file chose and
    then agrees with it in everything, the file computes the same function:
    rounding moved a location, and later glimpses followed.
    """
    for outputs in runs:
        found = {name: value[wrong] for name, value in outputs.items()}
        # The mean shows where the file would have looked by itself.
        if not {"location", "location_mean"} <= set(found):
            return ""
        if not np.isfinite(found["location"]).all():
            return ""
        forced = serve(model, examples[wrong], location=found["location"])
        forced = {name: value.numpy() for name, value in forced.items()}
        if len(exceeding(differences(forced, found))):
            return ""
    return (
        "Made to look at the same places, Keras agrees on these examples, so "
        "the file is right and rounding moved what it looks at. That happens "
        "where the location network is very steep, and with "
        'interpolation="nearest", which jumps by a whole pixel where a '
        "location lies on the border between two."
    )
