"""What is in a TFLite file beside the computation, and how little it can be."""

import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from . import metadata

LABELS = "labels.txt"


def tidied(content: bytes, first: str) -> bytes:
    """The same file with a signature first, and without what nothing reads.

    Programs that know no signatures run the first graph of a file. The names
    of inner tensors say which layer a number came from; inputs and outputs
    keep theirs. Every tensor that is computed has an empty buffer of its own,
    and what is not quantized a table that says so. All this is a tenth of the
    file of a glimpse model.

    Args:
        content: of the file.
        first: name of the signature.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    _put_first(model, first)
    for graph in model.subgraphs:
        outer = {*graph.inputs, *graph.outputs}
        for index, tensor in enumerate(graph.tensors):
            if index not in outer:
                tensor.name = b""
            if not _is_quantized(tensor):
                tensor.quantization = None
    _leave_out_empty_buffers(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _put_first(model: Any, first: str) -> None:
    """Swaps the graph of a signature with the first, wherever it is named."""
    signatures = {one.signatureKey.decode(): one for one in model.signatureDefs}
    index, graphs = signatures[first].subgraphIndex, model.subgraphs
    graphs[0], graphs[index] = graphs[index], graphs[0]
    swapped = {0: index, index: 0}
    options = [o.builtinOptions for graph in graphs for o in graph.operators]
    # Loops and branches name graphs too, in their options.
    for holder in (*model.signatureDefs, *filter(None, options)):
        for name, value in vars(holder).items():
            if name.lower().endswith("subgraphindex"):
                setattr(holder, name, swapped.get(value, value))
    model.signatureDefs.sort(key=lambda one: one.subgraphIndex)


def _is_quantized(tensor: Any) -> bool:
    found = tensor.quantization
    return found is not None and any(
        value is not None
        for value in (
            *(found.min, found.max, found.scale),
            *(found.zeroPoint, found.details),
        )
    )


def _leave_out_empty_buffers(model: Any) -> None:
    """Has all that is computed name the first buffer, which is empty."""
    kept = [model.buffers[0]]
    numbers = []
    for buffer in model.buffers:
        empty = buffer.data is None or not len(buffer.data)
        numbers.append(0 if empty else len(kept))
        if not empty:
            kept.append(buffer)
    holders = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    for holder in (*holders, *(model.metadata or ())):
        holder.buffer = numbers[holder.buffer]
    model.buffers = kept


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


def _outputs(model: Any) -> list[str]:
    """The outputs of the first signature, in the order of its graph."""
    signature = model.signatureDefs[0]
    names = {one.tensorIndex: one.name.decode() for one in signature.outputs}
    graph = model.subgraphs[signature.subgraphIndex]
    return [names[index] for index in graph.outputs]
