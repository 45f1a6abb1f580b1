"""The signatures of an exported file: what each takes, gives, and computes."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .image_bytes import read_all

SIGNATURE, BYTES_SIGNATURE = "serving_default", "serve_bytes"
# Requests of one example each that are run together, if so many wait. An
# interpreter of TFLite takes half the time for each of them then, and hardly
# less for each of more.
GROUP = 4

Arrays = dict[str, np.ndarray]


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
    """Loads an exported file and tries it once.

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
    load = {"tflite": _load_tflite, "saved_model": _load_saved_model}[kind]
    try:
        found = load(path)
        default = found.pop(SIGNATURE)
        _, *sides = default.inputs["image"].shape
        if None not in sides:
            for size in (1, GROUP):
                default.run(image=np.zeros((size, *sides), np.float32))
    # What a damaged file raises is up to the runtime.
    except Exception as error:
        raise ValueError(
            f"{path} is damaged, or not a {kind} of this package: {error}"
        ) from error
    signatures = {SIGNATURE: default, **found}
    if BYTES_SIGNATURE not in found and None not in sides:
        signatures[BYTES_SIGNATURE] = _of_bytes(default, tuple(sides))
    return signatures


def _load_tflite(file: Path) -> dict[str, Signature]:
    from ai_edge_litert.interpreter import Interpreter

    content = file.read_bytes()

    def runner(name: str) -> Any:
        interpreter = Interpreter(model_content=content, num_threads=1)
        return interpreter.get_signature_runner(name)

    names = Interpreter(model_content=content).get_signature_list()
    return {name: _tflite_signature(runner, name) for name in names}


def _tflite_signature(runner: Callable[[str], Any], name: str) -> Signature:
    first = runner(name)
    # To change the batch size takes longer than to run one example: the sizes
    # that come often have interpreters of their own.
    runners = {"any": first}

    def run(**inputs: np.ndarray) -> Arrays:
        inputs = {k: np.ascontiguousarray(v) for k, v in inputs.items()}
        size = len(next(iter(inputs.values())))
        key = size if size in (1, GROUP) else "any"
        if key not in runners:
            runners[key] = runner(name)
        return runners[key](**inputs)

    return Signature(
        _tflite_tensors(first.get_input_details()),
        _tflite_tensors(first.get_output_details()),
        run,
    )


def _tflite_tensors(details: dict[str, dict]) -> dict[str, Tensor]:
    return {
        name: Tensor(
            np.dtype(one["dtype"]).name,
            tuple(None if n < 0 else int(n) for n in one["shape_signature"]),
        )
        for name, one in details.items()
    }


def _load_saved_model(folder: Path) -> dict[str, Signature]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    return {
        name: _saved_model_signature(loaded, function)
        for name, function in loaded.signatures.items()
    }


def _saved_model_signature(loaded: Any, function: Any) -> Signature:
    import tensorflow as tf

    inputs = function.structured_input_signature[1]

    def run(owner: Any = loaded, **arrays: Any) -> Arrays:
        # A signature does not keep alive what it was loaded with.
        try:
            outputs = function(**{k: tf.constant(v) for k, v in arrays.items()})
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(error.message) from error
        return {name: value.numpy() for name, value in outputs.items()}

    return Signature(
        {name: _saved_model_tensor(spec) for name, spec in inputs.items()},
        {
            name: _saved_model_tensor(spec)
            for name, spec in function.structured_outputs.items()
        },
        run,
    )


def _saved_model_tensor(spec: Any) -> Tensor:
    dtype = "bytes" if spec.dtype.name == "string" else spec.dtype.name
    return Tensor(dtype, tuple(spec.shape))


def _of_bytes(default: Signature, shape: tuple[int, int, int]) -> Signature:
    """The same model for PNG and JPEG files."""

    def run(image_bytes: list[bytes]) -> Arrays:
        return default.run(image=read_all(image_bytes, shape))

    inputs = {"image_bytes": Tensor("bytes", (None,))}
    return Signature(inputs, default.outputs, run)
