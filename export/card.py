"""The model card: what an export is, in JSON."""

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

KIND = "keras_attention export"

MEANINGS = {
    "probabilities": "probability of each class",
    "class": "the class with the highest probability",
    "location": "(x, y) of every glimpse in [-1, 1]; (-1, -1) is the centre "
    "of the top-left pixel, (1, 1) of the bottom-right one",
    "location_mean": "mean of the distribution of the location",
    "attention_weights": "share of attention that each item or place gets",
    "indices": "the items that were attended to",
    "num_glimpses": "how many glimpses were taken; from there on the last of "
    "what was attended to is repeated",
    "theta": "(2, 3) affine map of output to input coordinates",
}

RANGES = {
    "float32": {
        "range": [0.0, 1.0],
        "uint8": "stands for 0-255: divide by 255 before. NaN and values "
        "out of range have no defined result.",
    },
    "uint8": {"range": [0, 255]},
}

INTEGERS = ("class", "indices", "num_glimpses")

PREPROCESSING = (
    "Scale 0-255 to [0, 1], nothing else. Image files are turned upright by "
    "their EXIF tag, converted to the number of channels, what is transparent "
    "made black, resized to the largest size that fits keeping proportions "
    "(bilinear with antialiasing), and centred on black."
)


def checked_labels(labels: Sequence[Any] | None, num_classes: int) -> list[str]:
    """Names of the classes; their numbers where none are given.

    Raises:
        ValueError: if their number is not the model's number of classes.
    """
    if labels is None:
        labels = range(num_classes)
    labels = [str(label) for label in labels]
    if len(labels) != num_classes:
        raise ValueError(
            f"`labels` must name the model's {num_classes} classes. "
            f"Received: {len(labels)} labels"
        )
    return labels


def checked_metadata(metadata: dict | None) -> dict:
    """A copy that is certain to become JSON.

    Raises:
        ValueError: if it cannot become JSON.
    """
    try:
        copy = json.loads(json.dumps(metadata or {}, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(
            "`metadata` must be a dict of what JSON can hold, without NaN. "
            f"Received: {metadata!r}; {error}"
        ) from error
    if not isinstance(copy, dict):
        raise ValueError(f"`metadata` must be a dict. Received: {metadata!r}")
    return copy


def model_card(
    model: keras.Model,
    folder: Path,
    spec: tf.TensorSpec,
    outputs: dict[str, np.ndarray],
    attention: dict[str, Any] | None,
    checks: dict[str, Any],
    labels: list[str],
    metadata: dict,
) -> dict[str, Any]:
    """Describes an export.

    Args:
        model: the keras model.
        folder: where its files are, as they will be in the export folder.
        spec: of the images.
        outputs: what the model makes of some images.
        attention: what `explain.described` returned.
        checks: `parity`, what `verify_export` returned; `tflite`, what
            `kinds.measured` returned of each file; `accuracy` of the model in
            Keras, or None.
        labels: names of the classes.
        metadata: what the caller adds.
    """
    batch_size = spec.shape[0] or 1
    at_once = "one image" if batch_size == 1 else f"{batch_size} images at once"
    return {
        "kind": KIND,
        "name": model.name,
        "signature": "serving_default",
        "signatures": sorted(checks["parity"].get("saved_model", {})),
        "input": {
            "name": "image",
            "shape": list(spec.shape),
            "dtype": spec.dtype.name,
            **RANGES[spec.dtype.name],
        },
        "outputs": {
            name: _output(name, [spec.shape[0], *value.shape[1:]])
            for name, value in outputs.items()
        },
        "attention": attention,
        "labels": labels,
        "preprocessing": PREPROCESSING,
        "parameters": model.count_params(),
        "latency_ms": checks["tflite"]["model.tflite"]["latency_ms"],
        "latency": f"median of {at_once} through model.tflite on one thread",
        "files": {
            str(path.relative_to(folder)): _size(path)
            for path in _files(folder)
        },
        **checks,
        "versions": {
            "keras_attention": version("keras-visual-attention"),
            "tensorflow": version("tensorflow"),
            "keras": version("keras"),
            "python": platform.python_version(),
        },
        "metadata": metadata,
    }


def _output(name: str, shape: list) -> dict[str, Any]:
    return {
        "shape": shape,
        "dtype": "int32" if name.endswith(INTEGERS) else "float32",
        "meaning": _meaning(name),
    }


def _meaning(output: str) -> str:
    for name in sorted(MEANINGS, key=len, reverse=True):
        if output == name or output.endswith(f"_{name}"):
            layer = output[: -len(name) - 1]
            of = f" (layer {layer})" if layer else ""
            return MEANINGS[name] + of
    return "what the model attended to"


def _files(folder: Path) -> list[Path]:
    return sorted([*folder.glob("saved_model/*"), *folder.glob("model*")])


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
