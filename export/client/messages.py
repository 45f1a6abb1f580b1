"""The messages of the Open Inference Protocol's gRPC service.

As much of them as a client needs, made from the numbers of their fields:
nothing that a compiler must generate, and in a pool of their own, so that
they do not meet those of another package in one process.
"""

from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)

PACKAGE = "inference"
SERVICE = f"/{PACKAGE}.GRPCInferenceService"

# Message: field to number and type; a list where it is repeated.
FIELDS = {
    "ModelReadyRequest": {"name": (1, "string")},
    "ModelReadyResponse": {"ready": (1, "bool")},
    "ModelMetadataRequest": {"name": (1, "string")},
    "ModelMetadataResponse": {
        "name": (1, "string"),
        "platform": (3, "string"),
        "inputs": (4, ["TensorMetadata"]),
        "outputs": (5, ["TensorMetadata"]),
    },
    "TensorMetadata": {
        "name": (1, "string"),
        "datatype": (2, "string"),
        "shape": (3, ["int64"]),
    },
    "ModelInferRequest": {
        "model_name": (1, "string"),
        "parameters": (4, ["Parameter"]),
        "inputs": (5, ["Tensor"]),
        "raw_input_contents": (7, ["bytes"]),
    },
    # On the wire a map is a list of pairs of a key and a value.
    "Parameter": {"key": (1, "string"), "value": (2, "ParameterValue")},
    "ParameterValue": {"string_param": (3, "string")},
    "Tensor": {
        "name": (1, "string"),
        "datatype": (2, "string"),
        "shape": (3, ["int64"]),
    },
    "ModelInferResponse": {
        "model_name": (1, "string"),
        "outputs": (5, ["Tensor"]),
        "raw_output_contents": (6, ["bytes"]),
    },
}


def _described() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="open_inference_client.proto", package=PACKAGE, syntax="proto3"
    )
    for message, fields in FIELDS.items():
        described = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            _add_field(described, name, number, kind)
    return file


def _add_field(message: Any, name: str, number: int, kind: Any) -> None:
    field = descriptor_pb2.FieldDescriptorProto
    repeated = isinstance(kind, list)
    kind = kind[0] if repeated else kind
    label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    described = message.field.add(name=name, number=number, label=label)
    if kind in FIELDS:
        described.type = field.TYPE_MESSAGE
        described.type_name = f".{PACKAGE}.{kind}"
    else:
        described.type = getattr(field, f"TYPE_{kind.upper()}")


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_described())


def message(name: str) -> Any:
    r"""The class of a message.

    >>> message("ModelReadyRequest")(name="model").SerializeToString()
    b'\n\x05model'
    """
    found = _pool.FindMessageTypeByName(f"{PACKAGE}.{name}")
    return message_factory.GetMessageClass(found)
