import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from keras_attention import layers, models
from keras_attention.export import int8, references, tflite


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("ram_1/glimpses_1/where_1/MatMul", True),
        ("ram_1/glimpses_1/where/MatMul", True),
        ("ram_1/glimpses_1/where_1_2/MatMul;ram/other/Relu", True),
        ("ram_1/glimpses_1/where_2_1/MatMul", False),
        ("ram_1/glimpses_1/where_2/MatMul", True),
        ("ram_1/glimpses_1/somewhere_1/MatMul", False),
        ("where_to/MatMul", False),
    ],
)
def test_a_tensor_is_told_by_the_layer_in_its_path(path, named):
    layers = {"ram": False, "glimpses": False, "where": True, "where_2": False}
    assert int8.decides(path, layers) is named


def test_the_layers_that_decide_where_to_look_are_those_of_the_mechanism():
    where = keras.Sequential(
        [keras.layers.Dense(4, name="hidden"), keras.layers.Dense(2)],
        name="location_network",
    )
    model = models.ram(location_network=where, num_glimpses=1)
    layers = int8.attending(model)
    assert layers["location_network"]
    assert layers["hidden"]
    assert not layers["classifier"]


@pytest.mark.parametrize("given", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("taken", ["float32", "uint8"])
def test_what_calibrates_is_as_the_file_takes_it(classifier, given, taken):
    pixels = np.arange(36, dtype="uint8").reshape(1, 6, 6, 1)
    images = {
        "uint8": pixels,
        "float32": pixels / np.float32(255),
        "float64": pixels / 255,
    }
    spec = tf.TensorSpec((None, 6, 6, 1), taken)
    plan = tflite.int8_plan(classifier, images[given], spec)
    assert plan.images.dtype == taken
    np.testing.assert_array_equal(plan.images, images[taken])


def test_layers_that_only_sound_like_those_that_decide_are_converted(tmp_path):
    """Numbered as Keras does: `part` decides where to look, `part_1` reads."""
    images = keras.Input((12, 12, 1), name="image")
    where = keras.Sequential(
        [keras.layers.Flatten(), keras.layers.Dense(4, name="part")]
    )
    crop = layers.SpatialTransformer(where, (6, 6))(images)
    read = keras.layers.Conv2D(8, 3, name="conv")(crop)
    read = keras.layers.Flatten()(
        keras.layers.Conv2D(8, 3, name="conv_1")(read)
    )
    read = keras.layers.Dense(16, name="part_1")(read)
    model = keras.Model(images, keras.layers.Dense(3, name="part_2")(read))
    pixels = np.random.default_rng(0).random((8, 12, 12, 1))
    file = tflite.export_tflite(
        model,
        tmp_path / "model.tflite",
        kind="int8",
        calibration=pixels,
        image_spec=tf.TensorSpec((3, 12, 12, 1)),
    )
    types = [
        (name, tensor["dtype"])
        for name, tensor in details(file)
        if name in ("CONV_2D", "FULLY_CONNECTED")
    ]
    assert types.count(("CONV_2D", np.int8)) == 2
    assert types.count(("FULLY_CONNECTED", np.int8)) == 2
    # `part`, and the layer that makes theta of it.
    assert types.count(("FULLY_CONNECTED", np.float32)) == 2


def details(file):
    interpreter = Interpreter(
        model_path=str(file),
        experimental_op_resolver_type=(
            OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        ),
    )
    tensors = {one["index"]: one for one in interpreter.get_tensor_details()}
    for operation in interpreter._get_ops_details():
        for index in operation["outputs"]:
            yield operation["op_name"], tensors[index]


def test_what_computes_is_8_bits_wide_and_places_are_not(exported):
    file = exported / "model_int8.tflite"
    dense = [
        tensor["dtype"]
        for name, tensor in details(file)
        if name == "FULLY_CONNECTED"
    ]
    assert np.int8 in dense
    assert np.float32 in dense  # the location network
    places = [
        tensor["dtype"] for name, tensor in details(file) if name == "GATHER"
    ]
    assert set(places) == {np.float32}


@pytest.mark.parametrize(
    "resolver",
    [OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES],
)
def test_it_answers_alike_with_and_without_xnnpack(
    exported, model, images, resolver
):
    interpreter = Interpreter(
        model_path=str(exported / "model_int8.tflite"),
        experimental_op_resolver_type=resolver,
    )
    found = interpreter.get_signature_runner("serving_default")(image=images)
    expected = references.keras_outputs(model, images)
    assert np.mean(found["class"] == expected["class"]) >= 0.9
    moved = np.abs(found["location"] - expected["location"]).max(axis=(1, 2))
    assert np.median(moved) < 0.05
