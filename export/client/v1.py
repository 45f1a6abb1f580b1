"""The V1 protocol: TensorFlow Serving's REST API."""

import base64
import json
from typing import Any

import numpy as np

from .calls import Arrays, Client, ServerError
from .connection import Connection


class V1Client(Client):
    """Asks a model over TensorFlow Serving's REST API.

    JSON holds every number as text: `V2Client` sends arrays as they are.

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
        self._path = f"/v1/models/{name}"

    def is_ready(self) -> bool:
        """Whether a version of the model is available."""
        try:
            status = self._connection.get(self._path)
        except ServerError:
            return False
        versions = status["model_version_status"]
        return any(one["state"] == "AVAILABLE" for one in versions)

    def metadata(self) -> dict[str, Any]:
        """The signatures of the model, in TensorFlow Serving's words."""
        return self._connection.get(f"{self._path}/metadata")

    def call(self, signature: str, **inputs: Any) -> Arrays:
        """Calls a signature of the model, see `Client.call`."""
        request = {
            "signature_name": signature,
            "inputs": {name: _plain(value) for name, value in inputs.items()},
        }
        body = json.dumps(request).encode()
        answer, _ = self._connection.ask("POST", f"{self._path}:predict", body)
        outputs = json.loads(answer)["outputs"]
        return {name: _array(value) for name, value in outputs.items()}

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def _plain(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return [{"b64": base64.b64encode(one).decode()} for one in value]
    return np.asarray(value).tolist()


def _array(value: Any) -> np.ndarray:
    """JSON does not say which numbers: whole ones are int32."""
    array = np.asarray(value)
    return array.astype(np.int32 if array.dtype.kind == "i" else np.float32)
