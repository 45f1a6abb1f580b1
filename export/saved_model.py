"""Writes SavedModels that need TensorFlow and nothing else."""

import shutil
from pathlib import Path

import keras
import tensorflow as tf

from .float32 import in_float32
from .inputs import checked_spec
from .signatures import Servable


def export_saved_model(
    model: keras.Model,
    directory: str | Path,
    *,
    image_spec: tf.TensorSpec | None = None,
) -> Path:
    """Writes a classifier as one SavedModel.

    Its signatures, each with named inputs and outputs:

        serving_default   `image` (B, H, W, C) -> `probabilities` (B, K),
                          `class` (B,) and what the model attended to, such
                          as `location` (B, T, 2)
        serve_bytes       `image_bytes` (B,), encoded PNG or JPEG files
        sample            `image` and `noise` (B, M), independent and uniform
                          in (0, 1), which decides what hard attention samples
        explain           `image` -> where it looked, in pixels, and what it
                          thought then; see `explain.Explainer`

    `serve_bytes` is there where the size of the images is known, `sample`
    where attention is hard, `explain` where it is known where the model
    looks. Models of mixed precision are written in float32.

    Args:
        model: built keras model, images to scores (B, K).
        directory: folder to write, which must not exist yet.
        image_spec: of the images, float32 in [0, 1] or uint8; None in its
            shape leaves a side free. By default any number of float32 images
            of the model's size.

    Returns:
        The folder.

    Raises:
        FileExistsError: if `directory` exists.
        ValueError: if the model is not an image classifier, or not built.
    """
    directory = Path(directory)
    if directory.exists():
        raise FileExistsError(
            "`directory` must not exist yet: choose another one. Received: "
            f"directory={str(directory)!r}"
        )
    spec = checked_spec(model, image_spec)
    servable = Servable(in_float32(model), spec)
    write_saved_model(servable, directory, servable.functions)
    return directory


def write_saved_model(
    servable: Servable, directory: Path, signatures: dict
) -> None:
    """Writes some functions of a `Servable`; whole, or nothing is left.

    Raises:
        OSError: if the folder cannot be written.
    """
    try:
        tf.saved_model.save(servable, str(directory), signatures=signatures)
    except BaseException as error:
        shutil.rmtree(directory, ignore_errors=True)
        if isinstance(error, tf.errors.OpError):  # as of a full disk
            raise OSError(
                f"The SavedModel cannot be written to {directory}: "
                f"{error.message}"
            ) from error
        raise
