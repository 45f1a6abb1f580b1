"""Converts a SavedModel to int8, in a process of its own.

    python -m keras_attention.export.int8_process MODEL IMAGES LAYERS OUT

MODEL is a SavedModel, IMAGES an .npy file of batches of real images, LAYERS
what JSON says of `int8.Plan.layers`, OUT the TFLite file to write.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from .int8 import decides
from .signatures import DEFAULT

# The operations with weights.
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def main(directory: str, images: str, layers: str, out: str) -> None:
    """Converts as the arguments of the command say."""
    converter = tf.lite.TFLiteConverter.from_saved_model(
        directory, signature_keys=[DEFAULT]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    tensors = _weighted_tensors(converter.convert())
    deciding = json.loads(layers)

    def examples() -> Iterator[dict[str, np.ndarray]]:
        for batch in np.load(images):
            yield {"image": batch}

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = examples
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter,
        debug_dataset=examples,
        debug_options=tf.lite.experimental.QuantizationDebugOptions(
            denylisted_ops=_operations_without_weights(),
            denylisted_nodes=[
                name for name in tensors if decides(name, deciding)
            ],
        ),
    )
    Path(out).write_bytes(debugger.get_nondebug_quantized_model())


def _weighted_tensors(content: bytes) -> list[str]:
    """Names of what the operations with weights of a file compute."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    return [
        graph.tensors[operator.outputs[0]].name.decode()
        for graph in model.subgraphs
        for operator in graph.operators
        if flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex)
        in WEIGHTED
    ]


def _operations_without_weights() -> list[str]:
    return [
        name
        for name in vars(schema.BuiltinOperator)
        if name.isupper() and name not in WEIGHTED
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
