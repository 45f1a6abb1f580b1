"""KServe's gRPC service, where it was told to listen and with a token.

KServe's own server of it listens on all addresses.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from kserve.errors import InvalidInput, ModelNotFound
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import (
    add_GRPCInferenceServiceServicer_to_server,
)
from kserve.protocol.grpc.servicer import InferenceServicer

from .data_plane import CheckedDataPlane, ClosedRepository
from .errors import BadRequestError, NotFoundError, ServingError
from .gate import MAX_AT_ONCE, is_token
from .settings import Settings

OPEN_METHODS = ("ServerLive", "ServerReady")
# Beside the tensors a message holds their names.
OVERHEAD = 65536


class StatusInterceptor(grpc.aio.ServerInterceptor):
    """Asks for the token, and turns errors into statuses.

    Args:
        token: what clients must send as a bearer token, if anything.
    """

    def __init__(self, token: str | None):
        self._token = token

    async def intercept_service(
        self, continuation: Callable, details: Any
    ) -> grpc.RpcMethodHandler:
        """Wraps one method."""
        handler = await continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        method = handler.unary_unary
        if not self._may_call(details):
            method = _refuse
        return grpc.unary_unary_rpc_method_handler(
            _with_status(method),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _may_call(self, details: Any) -> bool:
        name = details.method.rpartition("/")[2]
        if self._token is None or name in OPEN_METHODS:
            return True
        sent = dict(details.invocation_metadata).get("authorization", "")
        return is_token(self._token, sent.encode())


async def _refuse(request: Any, context: Any) -> None:
    await context.abort(
        grpc.StatusCode.UNAUTHENTICATED, "A bearer token is required"
    )


def _with_status(
    method: Callable[[Any, Any], Awaitable],
) -> Callable[[Any, Any], Awaitable]:
    async def handle(request: Any, context: Any) -> Any:
        try:
            return await method(request, context)
        except ServingError as error:
            known = error
        except InvalidInput as error:
            known = BadRequestError(str(error))
        except ModelNotFound as error:
            known = NotFoundError(str(error))
        code = getattr(grpc.StatusCode, known.code)
        return await context.abort(code, str(known))

    return handle


async def start_grpc(
    settings: Settings, plane: CheckedDataPlane, repository: ClosedRepository
) -> tuple[grpc.aio.Server, int]:
    """Starts the gRPC server.

    Returns:
        The server and its port.

    Raises:
        OSError: if it cannot listen there.
    """
    size = settings.max_body + OVERHEAD
    server = grpc.aio.server(
        interceptors=[StatusInterceptor(settings.token)],
        maximum_concurrent_rpcs=MAX_AT_ONCE,
        options=[
            ("grpc.max_receive_message_length", size),
            ("grpc.max_send_message_length", -1),
            # Two servers must not share a port without a word.
            ("grpc.so_reuseport", 0),
        ],
    )
    add_GRPCInferenceServiceServicer_to_server(
        InferenceServicer(plane, repository), server
    )
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    try:
        port = server.add_insecure_port(f"{host}:{settings.grpc_port}")
    except RuntimeError as error:
        raise OSError(
            f"gRPC cannot listen on {host}:{settings.grpc_port}: {error}"
        ) from error
    await server.start()
    return server, port
