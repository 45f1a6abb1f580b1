"""Writes TFLite files that any TFLite interpreter runs: builtins only."""

import os
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from .saved_model import SIGNATURE, export_saved_model


def export_tflite(
    model: keras.Model,
    file: str | Path,
    *,
    input_shape: tuple[int, int, int] | None = None,
) -> Path:
    """Writes a classifier as a TFLite file.

    The signature, its names and its free batch size are those of
    `export_saved_model`. Only TFLite's builtin operations are used.

    Args:
        model: built keras model, images to scores (B, K).
        file: file to write; one that exists is replaced.
        input_shape: (H, W, C), needed where the model leaves a side open.

    Returns:
        The file.

    Raises:
        ValueError: if the model is not an image classifier, or not built, or
            needs an operation that is not builtin.
    """
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder, "saved_model")
        export_saved_model(model, directory, input_shape=input_shape)
        return convert_to_tflite(directory, file)


def convert_to_tflite(directory: Path, file: str | Path) -> Path:
    """Converts a SavedModel that `export_saved_model` wrote."""
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(directory), signature_keys=[SIGNATURE]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        content = converter.convert()
    except Exception as error:
        raise ValueError(
            "`model` needs an operation that TFLite has not built in. Loops "
            "convert if they are unrolled, random numbers do not. TensorFlow "
            f"says: {str(error).strip()[:2000]}"
        ) from error
    file = Path(file)
    partial = file.with_name(f".{file.name}.partial")
    partial.write_bytes(content)
    os.replace(partial, file)
    return file
