"""Checks what a request gives a signature, before the model sees it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..predict import checked_images
from .image_files import check_sizes
from .signatures import Signature, Tensor


def checked_inputs(
    signature: Signature, inputs: dict[str, Any], max_batch: int
) -> dict[str, Any]:
    """What the signature takes, or an error that says what is wrong.

    Args:
        signature: the signature.
        inputs: arrays by the signature's names, or what becomes arrays;
            sequences of bytes where it takes files.
        max_batch: the most examples of one request.

    Returns:
        float32 arrays of the signature's shapes, and lists of bytes.

    Raises:
        ValueError: if names, shapes, types or values are wrong.
    """
    if set(inputs) != set(signature.inputs):
        raise ValueError(
            f"The signature takes {sorted(signature.inputs)}. Received: "
            f"{sorted(inputs)}"
        )
    sizes = {name: _batch_size(name, inputs[name]) for name in inputs}
    if len(set(sizes.values())) != 1:
        raise ValueError(
            f"All inputs must have the same batch size. Received: {sizes}"
        )
    size = next(iter(sizes.values()))
    if not 1 <= size <= max_batch:
        raise ValueError(
            f"A request may hold 1 to {max_batch} examples. Received: {size}"
        )
    return {
        name: _checked(name, inputs[name], tensor)
        for name, tensor in signature.inputs.items()
    }


def _batch_size(name: str, value: Any) -> int:
    try:
        return len(value)
    except TypeError as error:
        raise ValueError(
            f"`{name}` must have a batch axis. Received: a single value"
        ) from error


def _checked(name: str, value: Any, tensor: Tensor) -> Any:
    if tensor.dtype == "bytes":
        return _files(name, value)
    array = _numbers(name, value)
    # A file that takes so many at once is given them piece by piece.
    _check_shape(name, array.shape, (None, *tensor.shape[1:]))
    if name != "image":
        return _unit_interval(name, array.astype(np.float32))
    if tensor.dtype == "uint8":
        return _as_uint8(array)
    if array.dtype.kind in "iu" and array.dtype != np.uint8:
        array = array.astype(np.float32)  # JSON does not tell 1 from 1.0
    with np.errstate(over="ignore"):  # infinity is out of range, too
        return checked_images(array, array.shape[1:])


def _numbers(name: str, value: Any) -> np.ndarray:
    """An array of numbers."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"`{name}` must be an array whose rows have equal lengths: {error}"
        ) from error
    if array.dtype.kind not in "fiu":
        raise ValueError(
            f"`{name}` must hold numbers. Received: values of type "
            f"{array.dtype}"
        )
    return array


def _as_uint8(array: np.ndarray) -> np.ndarray:
    whole = array.dtype.kind in "iu"
    if not whole or array.min() < 0 or array.max() > 255:
        raise ValueError(
            "`image` must hold whole numbers from 0 to 255, as this model "
            f"was exported for. Received: {array.dtype} from {array.min()} to "
            f"{array.max()}"
        )
    return array.astype(np.uint8)


def _check_shape(name: str, shape: tuple, expected: tuple) -> None:
    fits = len(shape) == len(expected) and all(
        side in (None, found)
        for side, found in zip(expected, shape, strict=True)
    )
    if not fits:
        sides = ", ".join("batch" if n is None else str(n) for n in expected)
        raise ValueError(
            f"`{name}` must have the shape ({sides}). Received: shape {shape}"
        )


def _unit_interval(name: str, array: np.ndarray) -> np.ndarray:
    if not ((array >= 0) & (array <= 1)).all():
        raise ValueError(
            f"`{name}` must be in [0, 1] and not NaN. Received: values from "
            f"{array.min()} to {array.max()}"
        )
    return array


def _files(name: str, values: Sequence[Any]) -> list[bytes]:
    files = list(values)
    if not all(isinstance(file, bytes) for file in files):
        raise ValueError(
            f"`{name}` must hold encoded files, in JSON as "
            '{"b64": "..."}. Received: '
            f"{sorted({type(file).__name__ for file in files})}"
        )
    check_sizes(files)
    return files
