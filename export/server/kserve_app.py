"""KServe's REST application, with TensorFlow Serving's paths and the gate."""

import warnings
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import (
    FastAPIDeprecationWarning,
    RequestValidationError,
)
from kserve.errors import InvalidInput, ModelNotFound
from kserve.model_repository import ModelRepository
from kserve.model_server import app
from kserve.protocol.rest.server import RESTServer
from prometheus_client import REGISTRY
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from .connection import timed_protocol
from .data_plane import CheckedDataPlane, ClosedRepository
from .errors import BadRequestError, NotFoundError, ServingError
from .gate import Gate
from .kserve_model import PooledModel
from .metrics import PoolCollector
from .pool import Pool
from .routes import v1_routes
from .settings import Settings
from .v2_versions import V2Versions


def planes(
    settings: Settings, pool: Pool, signatures: dict[str, tuple[dict, dict]]
) -> tuple[CheckedDataPlane, ClosedRepository]:
    """What KServe's servers of both protocols share.

    Args:
        settings: what is served.
        pool: the pool, started.
        signatures: what `Pool.start` returned.
    """
    models = ModelRepository()
    models.update(
        PooledModel(settings.name, pool, signatures, settings.version)
    )
    REGISTRY.register(PoolCollector(pool))
    return CheckedDataPlane(models), ClosedRepository(models)


def http_server(
    settings: Settings, plane: CheckedDataPlane, repository: ClosedRepository
) -> uvicorn.Server:
    """KServe's REST server, not started.

    KServe's own start of it listens on all addresses.
    """
    rest = RESTServer(
        "kserve.model_server:app",
        plane,
        repository,
        settings.port,
        grace_period=round(settings.timeout) + 1,
    )
    # KServe uses a class of FastAPI's that warns with every answer.
    warnings.filterwarnings("ignore", category=FastAPIDeprecationWarning)
    # The first route that fits is taken: these come before KServe's.
    app.router.routes.extend(v1_routes(plane))
    rest.create_application()
    _answer_errors_in_json(app)
    app.add_middleware(V2Versions, version=settings.version)
    # The last that is added is the first that is asked.
    app.add_middleware(Gate, max_body=settings.max_body, token=settings.token)
    rest.config.http = timed_protocol(settings.timeout)
    rest.config.ws = "none"
    rest.config.access_log = False
    return uvicorn.Server(rest.config)


def _answer_errors_in_json(app: FastAPI) -> None:
    statuses = {
        ServingError: lambda e: (e.status, str(e)),
        InvalidInput: lambda e: (BadRequestError.status, str(e)),
        ModelNotFound: lambda e: (NotFoundError.status, str(e)),
        RequestValidationError: lambda e: (BadRequestError.status, _wrong(e)),
        HTTPException: lambda e: (e.status_code, str(e.detail)),
    }
    for kind, status_of in statuses.items():
        app.add_exception_handler(kind, _handler(status_of))


def _handler(status_of: Callable[[Any], tuple[int, str]]) -> Callable:
    async def handle(request: Request, error: Exception) -> JSONResponse:
        status, reason = status_of(error)
        return JSONResponse({"error": reason}, status)

    return handle


def _wrong(error: RequestValidationError) -> str:
    found = [
        f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
        for one in error.errors()[:3]
    ]
    return f"The body is not as expected: {'; '.join(found)}"
