"""TFLite metadata, read with the generic reader of flatbuffers."""

import flatbuffers
import numpy as np
import pytest
import tensorflow as tf
from flatbuffers import number_types, table

from keras_attention.export import metadata


class Reader:
    """Reads numbered fields of a table."""

    def __init__(self, buffer, position):
        self.table = table.Table(buffer, position)

    @classmethod
    def root(cls, buffer):
        offset = flatbuffers.encode.Get(flatbuffers.packer.uoffset, buffer, 0)
        return cls(buffer, offset)

    def at(self, slot):
        return self.table.Offset(4 + 2 * slot) + self.table.Pos

    def text(self, slot):
        return self.table.String(self.at(slot)).decode()

    def scalar(self, slot, kind):
        return self.table.Get(kind, self.at(slot))

    def inner(self, slot):
        return Reader(self.table.Bytes, self.table.Indirect(self.at(slot)))

    def all(self, slot):
        start = self.table.Vector(self.at(slot) - self.table.Pos)
        count = self.table.VectorLen(self.at(slot) - self.table.Pos)
        places = [self.table.Indirect(start + 4 * i) for i in range(count)]
        return [Reader(self.table.Bytes, place) for place in places]

    def floats(self, slot):
        return self.table.GetVectorAsNumpy(
            number_types.Float32Flags, self.at(slot) - self.table.Pos
        )


def read(spec):
    outputs = ["class", "probabilities"]
    buffer = bytearray(metadata.packed("ram", spec, outputs, "labels.txt"))
    assert buffer[4:8] == b"M001"  # the identifier of the schema
    return Reader.root(buffer)


@pytest.mark.parametrize(
    ("channels", "dtype", "colours", "std"),
    [(1, "float32", 2, 255), (3, "uint8", 1, 1)],
)
def test_the_image_is_described(channels, dtype, colours, std):
    model = read(tf.TensorSpec((None, 20, 30, channels), dtype))
    assert model.text(0) == "ram"
    (graph,) = model.all(3)
    (image,) = graph.all(2)
    assert image.text(0) == "image"
    content = image.inner(3)
    assert content.scalar(0, number_types.Uint8Flags) == 2  # ImageProperties
    properties = content.inner(1)
    assert properties.scalar(0, number_types.Uint8Flags) == colours
    size = properties.inner(1)
    sides = [size.scalar(slot, number_types.Uint32Flags) for slot in (0, 1)]
    assert sides == [30, 20]
    (unit,) = image.all(4)
    assert unit.scalar(0, number_types.Uint8Flags) == 1  # NormalizationOptions
    np.testing.assert_array_equal(unit.inner(1).floats(1), [std])


def test_the_outputs_are_named_and_the_probabilities_have_labels():
    (graph,) = read(tf.TensorSpec((None, 20, 30, 1))).all(3)
    outputs = graph.all(3)
    assert [output.text(0) for output in outputs] == ["class", "probabilities"]
    (labels,) = outputs[1].all(6)
    assert labels.text(0) == "labels.txt"
    assert labels.scalar(2, number_types.Uint8Flags) == 2  # TENSOR_AXIS_LABELS
