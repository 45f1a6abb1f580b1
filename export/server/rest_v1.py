"""The bodies of TensorFlow Serving's REST API, which KServe calls V1.

A request holds `instances`, a list with one value (or one dict of the named
inputs) for each example, or `inputs`, a value (or a dict) of whole batches.
Bytes are written `{"b64": "..."}`. The answer is `predictions`, a list of
dicts, or `outputs`, a dict of batches; where a signature has one output, its
bare values.
"""

import base64
import binascii
from typing import Any

import numpy as np
import orjson

from .signatures import SIGNATURE

Names = list[str]


def parse_body(body: bytes, default: str = SIGNATURE) -> tuple[str, Any, bool]:
    """Reads the body of a request.

    Args:
        body: JSON.
        default: the signature where the request names none.

    Returns:
        The name of the signature, the value of `instances` or `inputs`, and
        whether it was `instances`.

    Raises:
        ValueError: if it is not JSON or not a request.
    """
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"JSON Parse error: {error}") from error
    if not isinstance(request, dict):
        raise ValueError(
            "The body must be a JSON object. Received: "
            f"{type(request).__name__}"
        )
    if len({"instances", "inputs"} & set(request)) != 1:
        raise ValueError(
            'The body must hold either "instances" or "inputs". Received: '
            f"{sorted(request)}"
        )
    signature = request.get("signature_name", default)
    if not isinstance(signature, str):
        raise ValueError(
            f'"signature_name" must be a string. Received: {signature!r}'
        )
    in_rows = "instances" in request
    return signature, request["instances" if in_rows else "inputs"], in_rows


def named_inputs(value: Any, in_rows: bool, names: Names) -> dict[str, Any]:
    """The inputs of a request by name, with its bytes decoded.

    Args:
        value: what `parse_body` found.
        in_rows: whether it is a list of examples.
        names: those of the signature's inputs.

    Raises:
        ValueError: if it has not the form of a request.
    """
    if not in_rows:
        named = value if _is_named(value) else _bare(value, names)
        return {name: _decoded(column) for name, column in named.items()}
    if not isinstance(value, list) or not value:
        raise ValueError(
            '"instances" must be a list that holds at least one example'
        )
    if not _is_named(value[0]):
        return {
            name: [_decoded(row) for row in rows]
            for name, rows in _bare(value, names).items()
        }
    return _columns(value)


def _bare(value: Any, names: Names) -> dict[str, Any]:
    if len(names) != 1:
        raise ValueError(f"Each input must be named: {sorted(names)}")
    return {names[0]: value}


def _columns(rows: list) -> dict[str, list]:
    names = set(rows[0])
    for row in rows:
        if not _is_named(row) or set(row) != names:
            raise ValueError(
                'All "instances" must be objects with the same names, those '
                f"of the first: {sorted(names)}"
            )
    return {name: [_decoded(row[name]) for row in rows] for name in names}


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not _is_bytes(value)


def _is_bytes(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"b64"}


def _decoded(value: Any) -> Any:
    """The value with the bytes in it decoded, one list deep.

    Deeper ones are numbers: no signature takes a matrix of files.
    """
    if _is_bytes(value):
        return from_base64(value["b64"])
    if isinstance(value, list) and value and _is_bytes(value[0]):
        return [_decoded(one) for one in value]
    return value


def from_base64(text: Any) -> bytes:
    """Bytes that came as text.

    Raises:
        ValueError: if it is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValueError(f'"b64" must be text in base64: {error}') from error


def body_of(outputs: dict[str, np.ndarray], in_rows: bool) -> bytes:
    """The body of an answer.

    Args:
        outputs: arrays by name, the batch first.
        in_rows: whether the request was in rows.
    """
    outputs = {k: np.ascontiguousarray(v) for k, v in outputs.items()}
    if in_rows:
        answer = {"predictions": _rows(outputs)}
    else:
        answer = {"outputs": _unwrapped(outputs)}
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def _rows(outputs: dict[str, np.ndarray]) -> list:
    size = len(next(iter(outputs.values())))
    return [
        _unwrapped({name: value[i] for name, value in outputs.items()})
        for i in range(size)
    ]


def _unwrapped(named: dict[str, Any]) -> Any:
    return named if len(named) > 1 else next(iter(named.values()))
