"""TensorFlow Serving's REST paths, which KServe's V1 has only in part."""

from collections.abc import Awaitable, Callable

from kserve.protocol.dataplane import DataPlane
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .errors import BadRequestError, NotFoundError
from .kserve_model import PooledModel
from .signatures import SIGNATURE, Tensor

VERBS = {"predict": SIGNATURE, "explain": "explain"}
DTYPES = {
    "float32": "DT_FLOAT",
    "int32": "DT_INT32",
    "int64": "DT_INT64",
    "uint8": "DT_UINT8",
}

Handler = Callable[[Request], Awaitable[Response]]


def v1_routes(plane: DataPlane) -> list[Route]:
    """Routes for the status, the metadata and the predictions of models."""
    model, version = "/v1/models/{name}", "/versions/{version:int}"
    routes = []
    for path in (model + version, model):
        routes += [
            Route(f"{path}/metadata", _handler(plane, metadata)),
            Route(path + ":{verb}", _predictor(plane), methods=["POST"]),
            Route(path, _handler(plane, status)),
        ]
    return routes


async def status(model: PooledModel) -> dict:
    """Of both: TensorFlow Serving's status, and KServe's."""
    ready = await model.healthy()
    return {
        "name": model.name,
        "ready": ready,
        "model_version_status": [
            {
                "version": model.version,
                "state": "AVAILABLE" if ready else "LOADING",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ],
    }


async def metadata(model: PooledModel) -> dict:
    """What the model is, in TensorFlow Serving's words."""
    signatures = {
        name: {
            "inputs": _tensors(inputs),
            "outputs": _tensors(outputs),
            "method_name": "tensorflow/serving/predict",
            "defaults": {},
        }
        for name, (inputs, outputs) in model.signatures.items()
    }
    return {
        "model_spec": {
            "name": model.name,
            "signature_name": "",
            "version": model.version,
        },
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _tensors(tensors: dict[str, Tensor]) -> dict:
    return {
        name: {
            "dtype": DTYPES.get(tensor.dtype, "DT_STRING"),
            "tensor_shape": {
                "dim": [
                    {"size": str(-1 if n is None else n), "name": ""}
                    for n in tensor.shape
                ],
                "unknown_rank": False,
            },
            "name": name,
        }
        for name, tensor in tensors.items()
    }


def _handler(
    plane: DataPlane, describe: Callable[[PooledModel], Awaitable[dict]]
) -> Handler:
    async def handle(request: Request) -> Response:
        model = _model(plane, request)
        return JSONResponse(await describe(model))

    return handle


def _predictor(plane: DataPlane) -> Handler:
    async def handle(request: Request) -> Response:
        name = _model(plane, request).name
        verb = request.path_params["verb"]
        if verb not in VERBS:
            raise BadRequestError(
                f"Malformed request: {request.method} {request.url.path}"
            )
        payload = (VERBS[verb], await request.body())
        body, _ = await plane.infer(name, payload, dict(request.headers))
        return Response(body, media_type="application/json")

    return handle


def _model(plane: DataPlane, request: Request) -> PooledModel:
    """The model of a path.

    Raises:
        NotFoundError: if there is none of that name and version.
    """
    name = request.path_params["name"]
    model = plane.model_registry.get_model(name)
    version = request.path_params.get("version")
    if model is None:
        raise NotFoundError(f"Servable not found for request: Latest({name})")
    if version is not None and str(version) != model.version:
        raise NotFoundError(
            f"Servable not found for request: Specific({name}, {version})"
        )
    return model
