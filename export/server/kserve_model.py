"""The model as KServe's server knows it: every protocol ends in the pool."""

import uuid
from typing import Any

import kserve
import numpy as np
from kserve.protocol.infer_type import (
    InferOutput,
    InferRequest,
    InferResponse,
    to_http_parameters,
)
from kserve.utils.numpy_codec import from_np_dtype

from .errors import BadRequestError, NotFoundError
from .pool import Pool
from .rest_v1 import from_base64
from .signatures import SIGNATURE, Tensor

DATATYPES = {
    "float32": "FP32",
    "int32": "INT32",
    "int64": "INT64",
    "uint8": "UINT8",
}


class PooledModel(kserve.Model):
    """A model that the processes of a pool hold.

    Args:
        name: what clients call it.
        pool: the pool, started.
        signatures: what `Pool.start` returned.
        version: of the export.
    """

    def __init__(
        self,
        name: str,
        pool: Pool,
        signatures: dict[str, tuple[dict, dict]],
        version: int,
    ):
        super().__init__(name)
        self.pool = pool
        self.signatures = signatures
        self.version = str(version)
        self.ready = True

    async def healthy(self) -> bool:
        """Whether requests are answered."""
        return self.pool.healthy

    def get_input_types(self) -> list[dict]:
        """The inputs of `serving_default`, for V2's metadata."""
        return _described(self.signatures[SIGNATURE][0])

    def get_output_types(self) -> list[dict]:
        """The outputs of `serving_default`, for V2's metadata."""
        return _described(self.signatures[SIGNATURE][1])

    async def predict(
        self,
        payload: tuple[str, bytes] | InferRequest,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> bytes | InferResponse:
        """Answers V1's signature and body, or a request of V2."""
        if not isinstance(payload, InferRequest):
            return await self.pool.run("v1", *payload)
        if (payload.model_version or self.version) != self.version:
            raise NotFoundError(
                f"Model {self.name} has no version {payload.model_version}"
            )
        name = self._signature_of(payload)
        outputs = await self.pool.run("v2", name, _arrays(payload))
        return InferResponse(
            response_id=payload.id or str(uuid.uuid4()),
            model_name=self.name,
            model_version=self.version,
            infer_outputs=_requested(payload, outputs),
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )

    def _signature_of(self, request: InferRequest) -> str:
        """The signature that is named, or the first with these inputs."""
        parameters = to_http_parameters(request.parameters or {})
        name = parameters.get("signature_name")
        if name is not None and name not in self.signatures:
            raise BadRequestError(
                f"There is no signature {name!r}. There are: "
                f"{sorted(self.signatures)}"
            )
        given = {one.name for one in request.inputs}
        fitting = (
            known
            for known, (inputs, _) in self.signatures.items()
            if set(inputs) == given
        )
        return name or next(fitting, SIGNATURE)


def _described(tensors: dict[str, Tensor]) -> list[dict]:
    return [
        {
            "name": name,
            "datatype": DATATYPES.get(tensor.dtype, "BYTES"),
            "shape": [-1 if n is None else n for n in tensor.shape],
        }
        for name, tensor in tensors.items()
    ]


def _arrays(request: InferRequest) -> dict[str, Any]:
    try:
        return {one.name: _array(one) for one in request.inputs}
    # KServe passes on whatever NumPy and struct say of wrong data.
    except Exception as error:
        raise BadRequestError(
            f"An input does not fit its shape and datatype: {error}"
        ) from error


def _array(one: Any) -> Any:
    if one.datatype != "BYTES":
        return one.as_numpy()
    return [_file(value) for value in one.as_numpy().ravel()]


def _file(value: Any) -> bytes:
    if isinstance(value, str):  # JSON has no bytes: as in V1, in base64
        return from_base64(value)
    if not isinstance(value, bytes):
        raise TypeError(
            f"files are bytes, or base64 in JSON, not {value!r:.99}"
        )
    return value


def _requested(
    request: InferRequest, outputs: dict[str, np.ndarray]
) -> list[InferOutput]:
    names = [one.name for one in request.request_outputs or ()]
    unknown = sorted(set(names) - set(outputs))
    if unknown:
        raise BadRequestError(
            f"There are no outputs {unknown}. There are: {sorted(outputs)}"
        )
    return [
        _infer_output(name, outputs[name], request.use_binary_outputs)
        for name in names or outputs
    ]


def _infer_output(name: str, array: np.ndarray, in_binary: bool) -> InferOutput:
    output = InferOutput(name, list(array.shape), from_np_dtype(array.dtype))
    output.set_data_from_numpy(array, binary_data=in_binary)
    return output
