"""The signatures of an exported file: what each takes, gives, and computes."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..runtimes import (
    SIGNATURE,
    Arrays,
    Runtime,
    load_saved_model,
    load_tflite,
)
from .image_files import read_all

BYTES_SIGNATURE = "serve_bytes"
# How many requests of one example each are run together, if so many wait. Of
# eight, an interpreter of TFLite takes less than half the time for each, and
# hardly less of more.
GROUPS = (1, 2, 4, 8)
# What free sides of images are tried with.
TRIALS = (64, 72)


@dataclasses.dataclass(frozen=True)
class Tensor:
    """What a tensor of a signature looks like.

    Attributes:
        dtype: as NumPy calls it; `"bytes"` for strings.
        shape: its sides, None where any number goes; the batch first.
    """

    dtype: str
    shape: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class Signature:
    """One function of an exported model.

    Attributes:
        inputs: by name.
        outputs: by name.
        run: the function itself.
    """

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    run: Callable[..., Arrays]


def load_signatures(path: Path, kind: str) -> dict[str, Signature]:
    """Loads an exported file and tries it.

    `serve_bytes`, which takes PNG and JPEG files, is added where the file has
    none of its own.

    Args:
        path: the TFLite file, or the folder of the SavedModel.
        kind: `"tflite"` or `"saved_model"`.

    Returns:
        The signatures by name, `serving_default` first.

    Raises:
        ValueError: if it is damaged, or not a classifier of this package.
    """
    runtime, run = _LOADERS[kind](path)
    signatures = {SIGNATURE: _signature(runtime, run, SIGNATURE)}
    default = signatures[SIGNATURE]
    for name in sorted(runtime.signatures.keys() - {SIGNATURE}):
        # What takes files is not tried: it gives what the first gives.
        given = default.outputs if name == BYTES_SIGNATURE else None
        signatures[name] = _signature(runtime, run, name, given)
    if BYTES_SIGNATURE not in signatures and _reads_files(default):
        signatures[BYTES_SIGNATURE] = _of_files(default)
    return signatures


def _signature(
    runtime: Runtime,
    run: Callable,
    name: str,
    outputs: dict[str, Tensor] | None = None,
) -> Signature:
    inputs = {
        key: _input(key, shape, runtime.dtype)
        for key, shape in runtime.signatures[name].items()
    }
    function = functools.partial(run, name)
    return Signature(inputs, outputs or _outputs(inputs, function), function)


def _of_tflite(file: Path) -> tuple[Runtime, Callable]:
    # To change the batch size takes longer than to run one example: the sizes
    # that come often have interpreters of their own.
    @functools.cache
    def runtime_for(size: int) -> Runtime:
        return load_tflite(file, num_threads=1)

    def run(name: str, **inputs: np.ndarray) -> Arrays:
        size = len(next(iter(inputs.values())))
        runtime = runtime_for(size if size in GROUPS else 0)
        return runtime.answer(name, _contiguous(inputs))

    for size in GROUPS:
        runtime_for(size)
    return runtime_for(1), run


def _of_saved_model(folder: Path) -> tuple[Runtime, Callable]:
    runtime = load_saved_model(folder)
    import tensorflow as tf

    def run(name: str, **inputs: np.ndarray) -> Arrays:
        try:
            return runtime.answer(name, _contiguous(inputs))
        # Of images that cannot be decoded, which the graph does.
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(error.message) from error

    return runtime, run


_LOADERS = {"tflite": _of_tflite, "saved_model": _of_saved_model}


def _contiguous(inputs: dict) -> Arrays:
    return {
        name: np.array(value, object)
        if isinstance(value, list)
        else np.ascontiguousarray(value)
        for name, value in inputs.items()
    }


def _input(name: str, shape: tuple, image_dtype: str) -> Tensor:
    dtypes = {"image": image_dtype, "image_bytes": "bytes"}
    return Tensor(dtypes.get(name, "float32"), shape)


def _outputs(inputs: dict[str, Tensor], run: Callable) -> dict[str, Tensor]:
    """What a signature gives, found by trying images of two sizes."""
    sizes = TRIALS if any(map(_is_free, inputs.values())) else TRIALS[:1]
    found = [
        run(**{name: _zeros(one, size) for name, one in inputs.items()})
        for size in sizes
    ]
    return {
        name: Tensor(
            first.dtype.name, (None, *_common(first.shape[1:], last.shape[1:]))
        )
        for (name, first), last in zip(
            found[0].items(), found[-1].values(), strict=True
        )
    }


def _is_free(tensor: Tensor) -> bool:
    return None in tensor.shape[1:]


def _common(sides: tuple, others: tuple) -> list[int | None]:
    """The sides that are the same; None for those that depend on an image."""
    return [
        side if side == other else None
        for side, other in zip(sides, others, strict=True)
    ]


def _zeros(tensor: Tensor, trial: int) -> np.ndarray:
    sides = [trial if side is None else side for side in tensor.shape[1:]]
    return np.zeros((1, *sides), tensor.dtype)


def _reads_files(default: Signature) -> bool:
    _, *sides, channels = default.inputs["image"].shape
    return None not in sides and channels in (1, 3)


def _of_files(default: Signature) -> Signature:
    """The same model for PNG and JPEG files."""
    image = default.inputs["image"]

    def run(image_bytes: list[bytes]) -> Arrays:
        images = read_all(image_bytes, image.shape[1:])
        if image.dtype == "uint8":
            images = np.round(images * 255).astype("uint8")
        return default.run(image=images)

    inputs = {"image_bytes": Tensor("bytes", image.shape[:1])}
    return Signature(inputs, default.outputs, run)
