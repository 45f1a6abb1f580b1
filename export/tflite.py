"""Writes TFLite files that any TFLite interpreter runs: builtins only."""

import contextlib
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from . import int8, tflite_file
from .inputs import checked_spec, floating
from .references import as_taken
from .saved_model import export_saved_model
from .signatures import DEFAULT, EXPLAIN, SAMPLE, written

KINDS = ("float32", "float16", "dynamic_range", "int8")
# What TFLite can run; it decodes no files.
SIGNATURES = (DEFAULT, SAMPLE, EXPLAIN)


def export_tflite(
    model: keras.Model,
    file: str | Path,
    *,
    kind: str = "float32",
    image_spec: tf.TensorSpec | None = None,
    calibration: Any = None,
    labels: Sequence[str] | None = None,
) -> Path:
    """Writes a classifier as a TFLite file.

    It has the signatures `serving_default`, `sample` and `explain` of
    `export_saved_model`, those that convert, by the same names. Only TFLite's
    builtin operations are used.

    The kinds are `"float32"`; `"float16"`, whose weights are half as large;
    `"dynamic_range"`, with weights of 8 bits; and `"int8"`, whose layers
    compute with 8 bits too, apart from those that decide where to look, with
    `serving_default` alone.

    Args:
        model: built keras model, images to scores (B, K).
        file: file to write; one that exists is replaced.
        kind: one of the four.
        image_spec: as of `export_saved_model`.
        calibration: (N, H, W, C) real images, needed for `"int8"`.
        labels: names of the classes, for the metadata of the file.

    Returns:
        The file.

    Raises:
        ValueError: if the model is not an image classifier, or not built, or
            needs an operation that is not builtin.
    """
    spec = checked_spec(model, image_spec)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder, "saved_model")
        export_saved_model(model, directory, image_spec=spec)
        content = convert(directory, kind, int8_plan(model, calibration, spec))
    described = tflite_file.described(content, model.name, spec, labels)
    return tflite_file.write(described, file)


def int8_plan(
    model: keras.Model, calibration: Any, spec: tf.TensorSpec
) -> int8.Plan | None:
    """What "int8" needs to know, where there are images to calibrate with."""
    if calibration is None:
        return None
    images = floating(tf.convert_to_tensor(calibration))
    images = as_taken(tf.cast(images, "float32").numpy(), spec)
    return int8.Plan(images, spec.shape[0] or 1, int8.attending(model))


def convert(directory: Path, kind: str, plan: int8.Plan | None = None) -> bytes:
    """Converts a SavedModel that `export_saved_model` wrote.

    Args:
        directory: its folder.
        kind: as of `export_tflite`.
        plan: as `int8_plan` makes it, for `"int8"`.

    Returns:
        The content of the file.
    """
    if kind not in KINDS:
        raise ValueError(
            f"`kind` must be one of {', '.join(KINDS)}. Received: {kind!r}"
        )
    if kind != "int8":
        known = written(directory)
        signatures = [name for name in SIGNATURES if name in known]
        return _those_that_convert(directory, kind, signatures)
    if plan is None:
        raise ValueError(
            'The kind "int8" needs real images to calibrate with: give '
            "`calibration`. Received: calibration=None"
        )
    return tflite_file.tidied(int8.convert(directory, plan), DEFAULT)


def _those_that_convert(
    directory: Path, kind: str, signatures: list[str]
) -> bytes:
    """Converts all signatures, or all that can be; the default has to."""
    if len(signatures) > 1:
        with contextlib.suppress(ValueError):
            return _convert(directory, kind, signatures)
    found = [DEFAULT]
    content = _convert(directory, kind, found)
    for name in signatures[1:]:
        with contextlib.suppress(ValueError):
            content = _convert(directory, kind, [*found, name])
            found.append(name)
    return content


def _convert(directory: Path, kind: str, signatures: list[str]) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(directory), signature_keys=signatures
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        content = converter.convert()
    except Exception as error:
        raise ValueError(_reason(str(error))) from error
    return tflite_file.tidied(content, DEFAULT)


def _reason(message: str) -> str:
    """What the converter says, with the layer and the operation first."""
    operations = {
        (operation, re.sub(r"_\d+(?=/|$)", "", path.rpartition("/")[0]))
        for operation, path in re.findall(
            r'fused\["(\w+):", "([^"@]+)@[^"]*"\]', message
        )
        if "Partitioned" not in operation
    }
    named = ", ".join(
        f"{operation} in the layer {path!r}"
        for operation, path in sorted(operations)
    )
    return (
        "`model` needs an operation that TFLite has not built in"
        f"{f': {named}' if named else ''}. Loops convert if they are "
        "unrolled, random numbers do not. TensorFlow says: "
        f"{message.strip()[:1000]}"
    )
