import io
import zipfile

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils

from keras_attention.export import tflite_file


def graphs(content):
    """The operations of each graph, as in the file."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    return model, [len(graph.operators) for graph in model.subgraphs]


def test_the_default_is_what_programs_without_signatures_run(exported, images):
    interpreter = Interpreter(model_path=str(exported / "model.tflite"))
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    interpreter.set_tensor(image["index"], images[:1])
    interpreter.invoke()
    shapes = {
        tuple(output["shape"]) for output in interpreter.get_output_details()
    }
    assert shapes == {(1, 10), (1,), (1, 3, 2)}


def two_loops():
    """A SavedModel function whose two signatures both hold a loop."""

    def loop(step):
        def count(x):
            return tf.while_loop(
                lambda i, _: i < 4, lambda i, y: (i + 1, y + step), (0, x)
            )[1]

        spec = tf.TensorSpec((3,), name="x")
        return tf.function(lambda x: {"y": count(x)}, input_signature=[spec])

    return {"a": loop(1.0), "z": loop(10.0)}


def test_loops_still_run_their_own_bodies_after_graphs_changed_places(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path), signatures=two_loops())
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(tmp_path), signature_keys=["a", "z"]
    )
    content = tflite_file.tidied(converter.convert(), "z")
    interpreter = Interpreter(model_content=content)
    for name, expected in (("a", 4), ("z", 40)):
        run = interpreter.get_signature_runner(name)
        np.testing.assert_array_equal(
            run(x=np.zeros(3, "float32"))["y"], expected
        )
    model, _ = graphs(content)
    first = {one.signatureKey: one.subgraphIndex for one in model.signatureDefs}
    assert first[b"z"] == 0


def test_inner_tensors_have_no_names(exported):
    model, _ = graphs((exported / "model.tflite").read_bytes())
    for graph in model.subgraphs:
        outer = {*graph.inputs, *graph.outputs}
        for index, tensor in enumerate(graph.tensors):
            assert bool(tensor.name) is (index in outer)


def test_the_labels_are_in_the_file_as_in_a_zip_archive(exported):
    with zipfile.ZipFile(exported / "model.tflite") as archive:
        assert archive.namelist() == ["labels.txt"]
        text = archive.read("labels.txt").decode()
    assert text.split() == [str(digit) for digit in range(10)]


def test_describing_a_file_changes_no_answer(exported, images):
    content = (exported / "model_web.tflite").read_bytes()
    spec = tf.TensorSpec((1, 28, 28, 1))
    described = tflite_file.described(content, "name", spec, ["a", "b"])
    outputs = [
        Interpreter(model_content=one).get_signature_runner("serving_default")(
            image=images[:1]
        )
        for one in (content, described)
    ]
    for name, value in outputs[0].items():
        np.testing.assert_array_equal(outputs[1][name], value)
    assert zipfile.is_zipfile(io.BytesIO(described))


def test_what_says_nothing_is_left_out(exported):
    for kind in ("model.tflite", "model_int8.tflite"):
        model, _ = graphs((exported / kind).read_bytes())
        empty = [
            number
            for number, buffer in enumerate(model.buffers)
            if buffer.data is None or not len(buffer.data)
        ]
        assert empty == [0]
        tensors = [one for graph in model.subgraphs for one in graph.tensors]
        quantized = [one for one in tensors if one.quantization is not None]
        assert bool(quantized) is ("int8" in kind)
        assert all(one.quantization.scale is not None for one in quantized)
