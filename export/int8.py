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
        floating: names of the layers that are not to be converted.
    """

    images: np.ndarray
    floating: list[str]


def attending(model: keras.Model) -> list[str]:
    """Names of the layers that decide where a model looks."""
    return sorted(
        {
            layer.name
            for mechanism in model._flatten_layers()
            if isinstance(mechanism, Mechanism)
            for layer in mechanism._flatten_layers()
            if layer.weights
        }
    )


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
        np.save(images, plan.images[:NUM_CALIBRATION])
        done = run_python(
            *("-m", f"{__package__}.int8_process"),
            *(directory, images, json.dumps(plan.floating), out),
        )
        if done.returncode:
            raise ValueError(
                "`model` cannot be converted to int8: the converter ended "
                f"with exit code {done.returncode}. Other kinds may convert, "
                "loops only unrolled. TensorFlow says: "
                f"{done.stderr.strip()[-1000:]}"
            )
        return out.read_bytes()


def is_named(path: str, layers: list[str]) -> bool:
    """Whether a tensor of a graph was computed by one of the layers.

    Args:
        path: name of the tensor, such as `"ram_1/glimpses_1/where_1/MatMul"`.
        layers: names of layers; a graph numbers those called again.
    """
    parts = {re.sub(r"(_\d+)+$", "", part) for part in re.split("[/;]", path)}
    return any(re.sub(r"(_\d+)+$", "", name) in parts for name in layers)
