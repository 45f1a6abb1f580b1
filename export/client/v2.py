"""The Open Inference Protocol (V2) over REST, arrays sent as they are."""

import json
import struct
from typing import Any

import numpy as np

from .calls import Arrays, Client, ServerError
from .connection import Connection

DATATYPES = {
    "float32": "FP32",
    "float64": "FP64",
    "int32": "INT32",
    "int64": "INT64",
    "uint8": "UINT8",
}
DTYPES = {datatype: dtype for dtype, datatype in DATATYPES.items()}
JSON_SIZE = "Inference-Header-Content-Length"


class V2Client(Client):
    """Asks a model over the Open Inference Protocol's REST API.

    Tensors follow the JSON in binary, as the protocol's extension has it.

    Args:
        url: of the server, such as `http://127.0.0.1:8501`.
        name: of the model.
        token: bearer token, if the server wants one.
        timeout: seconds to wait for an answer.
    """

    def __init__(
        self,
        url: str,
        name: str = "model",
        token: str | None = None,
        timeout: float = 60.0,
    ):
        self._connection = Connection(url, token, timeout)
        self._path = f"/v2/models/{name}"

    def is_ready(self) -> bool:
        """Whether the model is ready."""
        try:
            return self._connection.get(f"{self._path}/ready")["ready"]
        except ServerError:
            return False

    def metadata(self) -> dict[str, Any]:
        """The inputs and outputs of the model."""
        return self._connection.get(self._path)

    def call(self, signature: str, **inputs: Any) -> Arrays:
        """Calls a signature of the model, see `Client.call`."""
        tensors = {name: described(value) for name, value in inputs.items()}
        head = {
            "parameters": {
                "signature_name": signature,
                "binary_data_output": True,
            },
            "inputs": [
                {
                    "name": name,
                    "shape": shape,
                    "datatype": datatype,
                    "parameters": {"binary_data_size": len(raw)},
                }
                for name, (shape, datatype, raw) in tensors.items()
            ],
        }
        head = json.dumps(head).encode()
        body = b"".join([head, *(raw for _, _, raw in tensors.values())])
        headers = {
            "Content-Type": "application/octet-stream",
            JSON_SIZE: str(len(head)),
        }
        answer, headers = self._connection.ask(
            "POST", f"{self._path}/infer", body, headers
        )
        return _outputs(answer, headers.get(JSON_SIZE))

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def described(value: Any) -> tuple[list[int], str, bytes]:
    r"""The shape, the datatype and the bytes of a tensor.

    >>> described([b"ab"])
    ([1], 'BYTES', b'\x02\x00\x00\x00ab')
    """
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        sized = (struct.pack("<I", len(one)) + one for one in value)
        return [len(value)], "BYTES", b"".join(sized)
    array = np.asarray(value)
    if array.dtype.name not in DATATYPES:
        raise ValueError(
            f"An array must be one of {sorted(DATATYPES)}. Received: "
            f"{array.dtype.name}"
        )
    return list(array.shape), DATATYPES[array.dtype.name], array.tobytes()


def array_of(raw: bytes, datatype: str, shape: list[int]) -> np.ndarray:
    """The array that `described` made bytes of."""
    return np.frombuffer(raw, DTYPES[datatype]).reshape(shape)


def _outputs(body: bytes, json_size: str | None) -> Arrays:
    size = len(body) if json_size is None else int(json_size)
    head, start, outputs = json.loads(body[:size]), size, {}
    for one in head["outputs"]:
        end = start + one["parameters"]["binary_data_size"]
        outputs[one["name"]] = array_of(
            body[start:end], one["datatype"], one["shape"]
        )
        start = end
    return outputs
