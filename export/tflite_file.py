"""What is in a TFLite file beside the computation: names and metadata."""

import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from . import metadata

LABELS = "labels.txt"


def without_names(content: bytes) -> bytes:
    """The same file without the names of its inner tensors.

    They say which layer of the graph a number came from, are a twentieth of
    the file of a glimpse model, and nothing reads them. The inputs and
    outputs keep theirs, in the signatures and on their tensors.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    for graph in model.subgraphs:
        outer = {*graph.inputs, *graph.outputs}
        for index, tensor in enumerate(graph.tensors):
            if index not in outer:
                tensor.name = b""
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def described(
    content: bytes,
    name: str,
    spec: tf.TensorSpec,
    labels: Sequence[str] | None = None,
) -> bytes:
    """The same file with TFLite metadata, which tools of Android read.

    The names of the classes are in it as the file `labels.txt`, which any
    program for zip archives unpacks.

    Args:
        content: of the file.
        name: of the model.
        spec: of the images.
        labels: names of the classes, if any.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    outputs = _outputs(model)
    buffer = schema.BufferT()
    buffer.data = metadata.packed(name, spec, outputs, LABELS if labels else "")
    entry = schema.MetadataT()
    entry.name, entry.buffer = metadata.NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    file = io.BytesIO(flatbuffer_utils.convert_object_to_bytearray(model))
    if labels:
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(LABELS, "\n".join(labels) + "\n")
    return file.getvalue()


def write(content: bytes, file: str | Path) -> Path:
    """Writes a file beside its place, then puts it there."""
    file = Path(file)
    partial = file.with_name(f".{file.name}.partial")
    partial.write_bytes(content)
    os.replace(partial, file)
    return file


def _outputs(model: object) -> list[str]:
    """The outputs of the first signature, in the order of its graph."""
    signature = model.signatureDefs[0]
    names = {one.tensorIndex: one.name.decode() for one in signature.outputs}
    graph = model.subgraphs[signature.subgraphIndex]
    return [names[index] for index in graph.outputs]
