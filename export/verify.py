"""Checks that exported files compute what the Keras model computes."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from .float32 import in_float32
from .predict import checked_images
from .serving import checked_input_shape, serve

TOLERANCE = 1e-4

# What the files must not need. TensorFlow imports Keras by itself.
BLOCKED = {
    "saved_model": ("tensorflow_probability", "tf_keras", "keras_attention"),
    "tflite": (
        "tensorflow_probability",
        "tf_keras",
        "keras_attention",
        "keras",
        "tensorflow",
    ),
}


class ExportError(RuntimeError):
    """An exported file does not run, or computes something else."""


def verify_export(
    model: keras.Model,
    saved_model: str | Path,
    tflite: str | Path,
    examples: Any,
) -> dict[str, Any]:
    """Compares a SavedModel and a TFLite file with the Keras model.

    Each file runs in a clean process, where tensorflow_probability, tf_keras
    and this package, and for the TFLite file tensorflow, cannot be imported;
    on all examples together and on each alone. Compared are all outputs, with
    those of the Keras model in float32.

    Args:
        model: the keras model that was exported.
        saved_model: folder of the SavedModel.
        tflite: the TFLite file.
        examples: (N, H, W, C) real images, uint8 or floating in [0, 1].

    Returns:
        Dict of `examples` (N), `tolerance`, `largest_difference`,
        `classes_identical`, `latency_ms` of one image through the TFLite file
        on one thread, and for each of `saved_model` and `tflite` a dict of
        outputs to their greatest absolute differences.

    Raises:
        ExportError: if a file does not run, an output differs by more than
            `TOLERANCE`, or a class differs.
        ValueError: if there are no examples, or they do not fit the model.
    """
    examples = checked_examples(model, examples)
    model = in_float32(model)
    reference = keras_outputs(model, examples)
    parity, latency = {}, None
    for kind, exported in (("saved_model", saved_model), ("tflite", tflite)):
        runs, latency = run_in_clean_process(exported, examples, BLOCKED[kind])
        found = [differences(reference, outputs) for outputs in runs]
        greatest = {name: _greatest(name, found) for name in reference}
        wrong = np.union1d(*map(exceeding, found))
        if len(wrong):
            raise ExportError(
                f"The {kind} differs from the Keras model in {len(wrong)} of "
                f"{len(examples)} examples (numbers {wrong[:10].tolist()}): "
                f"{greatest}, where at most {TOLERANCE} is allowed. "
                + _diagnosis(model, examples, runs, wrong)
            )
        parity[kind] = greatest
    return {
        "examples": len(examples),
        "tolerance": TOLERANCE,
        "largest_difference": max(max(d.values()) for d in parity.values()),
        "classes_identical": True,
        "latency_ms": latency,
        **parity,
    }


def checked_examples(model: keras.Model, examples: Any) -> np.ndarray:
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
    shape = checked_input_shape(model, examples.shape[1:])
    return checked_images(examples, shape)


def keras_outputs(
    model: keras.Model, images: np.ndarray, batch_size: int = 256
) -> dict[str, np.ndarray]:
    """What a Keras model itself, in float32, makes of images."""
    model = in_float32(model)
    batches = [
        serve(model, images[start : start + batch_size])
        for start in range(0, len(images), batch_size)
    ]
    return {
        name: np.concatenate([batch[name].numpy() for batch in batches])
        for name in batches[0]
    }


def run_in_clean_process(
    exported: str | Path, examples: np.ndarray, blocked: tuple[str, ...]
) -> tuple[list[dict[str, np.ndarray]], float]:
    """Runs an exported file where some modules cannot be imported.

    Args:
        exported: SavedModel folder or TFLite file.
        examples: (N, H, W, C) float32.
        blocked: names of the modules.

    Returns:
        The outputs of one batch of all examples and those of batches of one,
        and the median milliseconds of a batch of one.

    Raises:
        ExportError: if the process fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder, "in.npy"), Path(folder, "out.npz")
        np.save(inputs, examples)
        script = Path(__file__).with_name("clean_process.py")
        done = subprocess.run(
            [
                *(sys.executable, "-P", script),
                *(exported, inputs, outputs, ",".join(blocked)),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
        )
        if done.returncode:
            raise ExportError(
                f"{exported} does not run in a process without "
                f"{', '.join(blocked)} (exit code {done.returncode}): "
                f"{done.stderr.strip()[-2000:]}"
            )
        with np.load(outputs) as arrays:
            runs = [_below(run, arrays) for run in ("together", "singly")]
            return runs, float(arrays["latency_ms"])


def differences(
    reference: dict[str, np.ndarray], outputs: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The greatest absolute difference of each output in each example.

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


def _difference(expected: np.ndarray, found: np.ndarray | None) -> np.ndarray:
    """(N,): the greatest absolute difference in each example."""
    if found is None or found.shape != expected.shape:
        return np.full(len(expected), np.inf)
    difference = np.abs(found.astype("float64") - expected.astype("float64"))
    return difference.reshape(len(expected), -1).max(axis=1)


def _greatest(name: str, found: list[dict[str, np.ndarray]]) -> float:
    return float(np.max([differences[name] for differences in found]))


def _below(prefix: str, arrays: Any) -> dict[str, np.ndarray]:
    prefix += "/"
    return {
        name.removeprefix(prefix): arrays[name]
        for name in arrays
        if name.startswith(prefix)
    }


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
