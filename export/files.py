"""The files of an export: what each is called, and how it is written."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from . import tflite, tflite_file
from .onnx import convert_to_onnx
from .saved_model import export_saved_model, write_saved_model
from .signatures import DEFAULT, EXPLAIN, Servable
from .warmup import write_warmup

TFLITE, WEB = "model.tflite", "web"
# What is written if it is asked for.
FORMATS = {
    "float16": "model_float16.tflite",
    "dynamic_range": "model_dynamic_range.tflite",
    "int8": "model_int8.tflite",
    "onnx": "model.onnx",
    WEB: "model_web.tflite",
}
# Those that compute what Keras does to the last digits, and all kinds of one
# TFLite file.
EXACT = ("saved_model", TFLITE, "onnx", WEB)
KINDS = (TFLITE, "float16", "dynamic_range", "int8")


def check_formats(formats: Sequence[str]) -> None:
    """Raises `ValueError` unless all formats are known."""
    unknown = set(formats) - set(FORMATS)
    if unknown or isinstance(formats, str):
        raise ValueError(
            f"`formats` must be some of {', '.join(FORMATS)}. "
            f"Received: {formats!r}"
        )


def write_files(
    model: keras.Model,
    folder: Path,
    version: int,
    spec: tf.TensorSpec,
    formats: Sequence[str],
    images: np.ndarray,
    labels: Sequence[str],
) -> dict[str, Path]:
    """Writes all files of an export but the card.

    Args:
        model: keras model in float32.
        folder: an empty folder.
        version: number of the SavedModel.
        spec: of the images.
        formats: keys of `FORMATS`.
        images: (N, H, W, C) real images, as the files take them.
        labels: names of the classes.

    Returns:
        Dict of `"saved_model"`, `"model.tflite"` and the formats to the
        files.

    Raises:
        OSError: if a file cannot be written.
        ValueError: if the model does not convert.
    """
    directory = folder / "saved_model" / str(version)
    directory.parent.mkdir()
    written = {"saved_model": directory}
    export_saved_model(model, directory, image_spec=spec)
    write_warmup(directory, images[:1])
    plan = tflite.int8_plan(model, images, spec)
    for kind in ("float32", *formats):
        if kind not in tflite.KINDS:
            continue
        name = TFLITE if kind == "float32" else kind
        content = tflite.convert(directory, kind, plan)
        file = folder / FORMATS.get(kind, TFLITE)
        written[name] = tflite_file.write(
            tflite_file.described(content, model.name, spec, labels), file
        )
    if "onnx" in formats:
        written["onnx"] = convert_to_onnx(directory, folder / FORMATS["onnx"])
    if WEB in formats:
        written[WEB] = _write_web(model, spec, folder / FORMATS[WEB])
    return written


def _write_web(model: keras.Model, spec: tf.TensorSpec, file: Path) -> Path:
    """Writes what the page in a browser reads: `explain`, of one image.

    The runtime of browsers takes one image at a time, and no signature but
    the first.
    """
    single = tf.TensorSpec((1, *spec.shape[1:]), "float32", name="image")
    servable = Servable(model, single)
    explain = servable.functions.get(EXPLAIN)
    if explain is None:
        raise ValueError(
            "`model` cannot be shown in a browser: it is not known where it "
            f"looks. Received: {model.name!r}"
        )
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder, "saved_model")
        write_saved_model(servable, directory, {DEFAULT: explain})
        return tflite_file.write(tflite.convert(directory, "float32"), file)
