"""KServe's data plane, made to blame the client for what the client sent."""

from typing import Any

import orjson
from kserve.constants.constants import (
    INFERENCE_CONTENT_LENGTH_HEADER,
    PredictorProtocol,
)
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.infer_type import (
    InferInput,
    InferRequest,
    RequestedOutput,
)
from kserve.protocol.model_repository_extension import (
    ModelRepositoryExtension,
)
from kserve.protocol.rest.v2_datamodels import InferenceRequest

from .errors import BadRequestError


class CheckedDataPlane(DataPlane):
    """Reads V2 requests; KServe's own answers 500 to many that are wrong.

    Its reader of binary tensors also takes no bytes that are not UTF-8, such
    as images, and it is always ready.
    """

    async def ready(self) -> bool:
        """Whether all models answer."""
        models = self.model_registry.get_models().values()
        return all([await model.healthy() for model in models])

    def decode(
        self,
        body: Any,
        headers: dict[str, str],
        protocol_version: str = PredictorProtocol.REST_V1.value,
        model_name: str | None = None,
    ) -> tuple[Any, dict]:
        """The request in a body.

        Raises:
            BadRequestError: if it is not one.
        """
        try:
            if isinstance(body, bytes):
                return _binary_request(
                    body, _json_size(headers), model_name
                ), {}
            return super().decode(body, headers, protocol_version, model_name)
        # Depending on what is wrong, any of a dozen errors.
        except Exception as error:
            raise BadRequestError(
                "The body is not a request of the Open Inference Protocol: "
                f"{type(error).__name__}: {error}"
            ) from error


class ClosedRepository(ModelRepositoryExtension):
    """Refuses to load and unload models: that is not for clients to do."""

    async def load(self, model_name: str) -> None:
        """Refuses."""
        raise BadRequestError("This server serves one model, from start to end")

    async def unload(self, model_name: str) -> None:
        """Refuses."""
        raise BadRequestError("This server serves one model, from start to end")


def _json_size(headers: dict[str, str]) -> int:
    """How many bytes of the body are JSON, where tensors follow it."""
    size = headers.get(INFERENCE_CONTENT_LENGTH_HEADER)
    if size is None:
        raise ValueError(
            "it is sent as application/json, or with the header "
            f"{INFERENCE_CONTENT_LENGTH_HEADER}"
        )
    return int(size)


def _binary_request(body: bytes, size: int, name: str | None) -> InferRequest:
    """The request in a body of JSON that the tensors follow.

    Args:
        body: the whole of it.
        size: how many bytes the JSON takes.
        name: of the model.
    """
    head, rest = orjson.loads(body[:size]), body[size:]
    for one in head["inputs"]:
        one.setdefault("data", [])
    request = InferenceRequest.model_validate(head)
    inputs, raw = [], []
    for one in request.inputs:
        inputs.append(InferInput(one.name, one.shape, one.datatype, one.data))
        length = (one.parameters or {}).get("binary_data_size")
        if length is not None and not 0 <= length <= len(rest):
            raise ValueError(f"{one.name} has {length} bytes of {len(rest)}")
        raw.append(None if length is None else rest[:length])
        rest = rest[length or 0 :]
    outputs = [
        RequestedOutput(one.name, one.parameters)
        for one in request.outputs or ()
    ]
    return InferRequest(
        name,
        inputs,
        request.id,
        raw,
        parameters=request.parameters,
        request_outputs=outputs or None,
    )
