"""The Open Inference Protocol (V2) over gRPC."""

from typing import Any

from .calls import Arrays, Client, ServerError
from .v2 import array_of, described

UNLIMITED = -1


class V2GrpcClient(Client):
    """Asks a model over the Open Inference Protocol's gRPC service.

    Args:
        address: of the server, such as `127.0.0.1:8081`.
        name: of the model.
        token: bearer token, if the server wants one.
        timeout: seconds to wait for an answer.
    """

    def __init__(
        self,
        address: str,
        name: str = "model",
        token: str | None = None,
        timeout: float = 60.0,
    ):
        import grpc

        self._channel = grpc.insecure_channel(
            address,
            options=[
                ("grpc.max_send_message_length", UNLIMITED),
                ("grpc.max_receive_message_length", UNLIMITED),
            ],
        )
        self._name = name
        self._timeout = timeout
        self._metadata = [("authorization", f"Bearer {token}")] if token else []

    def is_ready(self) -> bool:
        """Whether the model is ready."""
        try:
            return self._ask("ModelReady", name=self._name).ready
        except ServerError:
            return False

    def metadata(self) -> dict[str, Any]:
        """The inputs and outputs of the model."""
        from google.protobuf import json_format

        answer = self._ask("ModelMetadata", name=self._name)
        return json_format.MessageToDict(answer)

    def call(self, signature: str, **inputs: Any) -> Arrays:
        """Calls a signature of the model, see `Client.call`."""
        tensors = {name: described(value) for name, value in inputs.items()}
        answer = self._ask(
            "ModelInfer",
            model_name=self._name,
            parameters=[
                {
                    "key": "signature_name",
                    "value": {"string_param": signature},
                }
            ],
            inputs=[
                {"name": name, "shape": shape, "datatype": datatype}
                for name, (shape, datatype, _) in tensors.items()
            ],
            raw_input_contents=[raw for _, _, raw in tensors.values()],
        )
        return {
            one.name: array_of(raw, one.datatype, list(one.shape))
            for one, raw in zip(
                answer.outputs, answer.raw_output_contents, strict=True
            )
        }

    def _ask(self, method: str, **fields: Any) -> Any:
        import grpc

        from .messages import SERVICE, message

        call = self._channel.unary_unary(
            f"{SERVICE}/{method}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=message(f"{method}Response").FromString,
        )
        request = message(f"{method}Request")(**fields)
        try:
            return call(request, timeout=self._timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise ServerError(error.code().name, error.details()) from error

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()
