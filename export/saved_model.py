"""Writes SavedModels that need TensorFlow and nothing else."""

import shutil
from pathlib import Path

import keras
import tensorflow as tf

from .float32 import in_float32
from .serving import checked_input_shape, serve

SIGNATURE = "serving_default"


def export_saved_model(
    model: keras.Model,
    directory: str | Path,
    *,
    input_shape: tuple[int, int, int] | None = None,
) -> Path:
    """Writes a classifier as one SavedModel.

    Its signature `serving_default` takes `image`, float32 (B, H, W, C) in
    [0, 1], and returns `probabilities` (B, K), `class` (B,) and what the
    model attended to, such as `location` (B, T, 2). B is free. Models of
    mixed precision are written in float32.

    Args:
        model: built keras model, images to scores (B, K).
        directory: folder to write, which must not exist yet.
        input_shape: (H, W, C), needed where the model leaves a side open.

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
    shape = checked_input_shape(model, input_shape)
    module = _Servable(in_float32(model), shape)
    try:
        tf.saved_model.save(
            module, str(directory), signatures={SIGNATURE: module.classify}
        )
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return directory


class _Servable(tf.Module):
    """The function to write and the variables it reads, nothing else.

    The keras model is held by the function alone: its layers, metrics and
    optimizer do not become part of the file.
    """

    def __init__(self, model: keras.Model, shape: tuple[int, int, int]):
        super().__init__()
        # Problems show up here in plain words, not as those of a graph.
        serve(model, tf.zeros((1, *shape)))
        self.weights = [variable.value for variable in model.variables]
        image = tf.TensorSpec((None, *shape), "float32", name="image")

        @tf.function(input_signature=[image])
        def classify(image):
            return serve(model, image)

        self.classify = classify
