"""TFLite metadata: what the inputs and outputs of a file are, for tools.

The format is the flatbuffer `ModelMetadata` of the public schema
`metadata_schema.fbs` of TensorFlow Lite Support; the numbers of the fields
here are those of that schema. The package that used to write it has no
versions for newer Pythons.
"""

import flatbuffers
import numpy as np
import tensorflow as tf

NAME = b"TFLITE_METADATA"
_IDENTIFIER = b"M001"
_RGB, _GREY = 1, 2
_IMAGE_PROPERTIES, _NORMALIZATION, _AXIS_LABELS = 2, 1, 2

MEANINGS = {
    "probabilities": "probability of each class",
    "class": "number of the class with the highest probability",
    "location": "(x, y) of every glimpse in [-1, 1], (-1, -1) the centre of "
    "the top left pixel",
}


class _Byte(int):
    """A scalar of 8 bits."""


class _UInt(int):
    """A scalar of 32 bits."""


def packed(
    name: str, spec: tf.TensorSpec, outputs: list[str], labels: str
) -> bytes:
    """The metadata of a classifier, as the flatbuffer that files hold.

    Args:
        name: of the model.
        spec: of the images.
        outputs: names of the outputs, in the order of the graph.
        labels: name of the file with the names of the classes, "" for none.
    """
    graph = {
        2: [_image(spec)],
        3: [_output(output, labels) for output in outputs],
    }
    model = {
        0: name,
        1: "Classifies an image, and tells where it looked",
        3: [graph],
        7: "1.0.0",
    }
    builder = flatbuffers.Builder(1024)
    root = _table(builder, model)
    builder.Finish(root, file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _image(spec: tf.TensorSpec) -> dict:
    _, height, width, channels = spec.shape
    properties = {0: _Byte(_RGB if channels == 3 else _GREY)}
    if height and width:
        properties[1] = {0: _UInt(width), 1: _UInt(height)}
    # Of images 0-255: (value - mean) / std.
    std = 1.0 if spec.dtype == tf.uint8 else 255.0
    return {
        0: "image",
        1: "Image, 0-255 or scaled to [0, 1] as the type of the input says",
        3: {0: _Byte(_IMAGE_PROPERTIES), 1: properties},
        4: [{0: _Byte(_NORMALIZATION), 1: {0: [0.0], 1: [std]}}],
    }


def _output(name: str, labels: str) -> dict:
    output = {0: name, 1: MEANINGS.get(name, "what the model attended to")}
    if name == "probabilities" and labels:
        output[6] = [{0: labels, 2: _Byte(_AXIS_LABELS)}]
    return output


def _table(builder: flatbuffers.Builder, fields: dict) -> int:
    """Writes a table of numbered fields; what they point to comes first."""
    offsets = {
        slot: _offset(builder, value)
        for slot, value in fields.items()
        if not isinstance(value, int)
    }
    builder.StartObject(max(fields) + 1)
    for slot, value in fields.items():
        if slot in offsets:
            builder.PrependUOffsetTRelativeSlot(slot, offsets[slot], 0)
        elif isinstance(value, _Byte):
            builder.PrependUint8Slot(slot, value, 0)
        else:
            builder.PrependUint32Slot(slot, value, 0)
    return builder.EndObject()


def _offset(builder: flatbuffers.Builder, value: str | dict | list) -> int:
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, dict):
        return _table(builder, value)
    if isinstance(value[0], float):
        return builder.CreateNumpyVector(np.array(value, "float32"))
    offsets = [_offset(builder, one) for one in value]
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()
