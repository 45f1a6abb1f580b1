"""Converts to 8 bits all that computes, apart from what decides where to look.

A place that is 8 bits wide is one of 256 along each side, and every glimpse
moves with it. So the layers with weights, of which the cost is, compute with
integers; whatever is between them, and the layers of the mechanisms, which
score items and places, stay floating (`QuantizationDebugger` of TensorFlow
Lite leaves out what is named).

The converter has ended the whole process on some graphs: it runs in one of
its own.
"""

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from keras_attention.layers.mechanism import Mechanism

from .process import run_python

# How many images tell the range of each number.
NUM_CALIBRATION = 200


@dataclass(frozen=True, eq=False)
class Plan:
    """What it takes to convert a model.

    Attributes:
        images: (N, H, W, C), as the SavedModel takes them.
        batch_size: how many of them it takes at a time.
        layers: names of all layers, and whether each decides where the model
            looks, and so is not to be converted.
    """

    images: np.ndarray
    batch_size: int
    layers: dict[str, bool]


def attending(model: keras.Model) -> dict[str, bool]:
    """Whether each layer decides where a model looks, by its name."""
    layers = list(model._flatten_layers())
    deciding = {
        layer.name
        for mechanism in layers
        if isinstance(mechanism, Mechanism)
        for layer in mechanism._flatten_layers()
        if layer.weights
    }
    return {layer.name: layer.name in deciding for layer in layers}


def convert(directory: Path, plan: Plan) -> bytes:
    """Converts the signature `serving_default` of a SavedModel.

    Args:
        directory: its folder.
        plan: how.

    Returns:
        The content of the TFLite file.

    Raises:
        ValueError: if the converter fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        images, out = Path(folder, "images.npy"), Path(folder, "int8.tflite")
        np.save(images, _batches(plan))
        done = run_python(
            *("-m", f"{__package__}.int8_process"),
            *(directory, images, json.dumps(plan.layers), out),
        )
        if done.returncode:
            raise ValueError(
                "`model` cannot be converted to int8: the converter ended "
                f"with exit code {done.returncode}. Other kinds may convert, "
                "loops only unrolled. TensorFlow says: "
                f"{done.stderr.strip()[-1000:]}"
            )
        return out.read_bytes()


def _batches(plan: Plan) -> np.ndarray:
    """(M, batch, H, W, C); the last is filled up with the first images."""
    images = plan.images[:NUM_CALIBRATION]
    count = -(-len(images) // plan.batch_size)
    shape = images.shape[1:]
    filled = np.resize(images, (count * plan.batch_size, *shape))
    return filled.reshape(count, plan.batch_size, *shape)


def decides(path: str, layers: dict[str, bool]) -> bool:
    """Whether a tensor of a graph was computed by a layer that decides.

    A graph numbers the calls of layers: `dense_1_2` is a call of `dense_1`,
    where there is a layer of this name, or else of `dense`.

    Args:
        path: name of the tensor, such as `"ram_1/glimpses_1/where_1/MatMul"`.
        layers: as of `Plan`.
    """
    return any(
        layers.get(_layer_of(part, layers), False)
        for part in re.split("[/;]", path)
    )


def _layer_of(scope: str, layers: dict[str, bool]) -> str:
    """The name of the layer that was called in a scope of a graph."""
    name = scope
    while numbered := re.search(r"_\d+$", name):
        name = name[: numbered.start()]
        if name in layers:
            return name
    return scope
