"""One list of all layers, and every check runs over it.

The only file of the tests that uses Keras's private `keras.src.testing`.
"""

import copy

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src import testing

from keras_attention import layers

KINDS = {}


def kind(*input_shapes):
    """Lists a layer: what the function returns, called on these shapes."""

    def add(function):
        KINDS[function.__name__] = (function, input_shapes)
        return function

    return add


@keras.saving.register_keras_serializable("tests")
class Applied(keras.layers.Layer):
    """Calls a layer of several arguments on a list of them."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer
        self.autocast = False

    def build(self, shapes):
        if not self.layer.built:
            self.layer.build(*shapes)
            self.layer.built = True

    def call(self, inputs):
        return self.layer(*inputs)

    def get_config(self):
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer}

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**{**config, "layer": layer})


def small_cell(core=None, **sensor):
    return layers.GlimpseCell(
        layers.GlimpseSensor(4, **sensor),
        core=core or keras.layers.SimpleRNNCell(8, "relu"),
        glimpse_network=layers.GlimpseNetwork(5, 6, 7),
    )


@kind((3, 9, 8, 2), (3, 2))
def glimpse_sensor():
    return Applied, {"layer": layers.GlimpseSensor(4, 2, fill_value=0.5)}


@kind((3, 4, 4, 2), (3, 2))
def glimpse_network():
    return Applied, {"layer": layers.GlimpseNetwork(5, 6, 7)}


@kind((3, 2))
def gaussian_location_policy():
    return layers.GaussianLocationPolicy, {"stddev": 0.2, "seed": 1}


@kind((3, 4, 9, 8, 2))
def glimpse_cell():
    return keras.layers.RNN, {"cell": small_cell()}


@kind((3, 9, 8, 2))
def recurrent_attention():
    cell = small_cell(keras.layers.LSTMCell(8), num_scales=2)
    return layers.RecurrentAttention, {"cell": cell, "num_glimpses": 2}


@kind((3, 9, 8, 2))
def recurrent_attention_in_a_loop():
    return layers.RecurrentAttention, {
        "cell": small_cell(interpolation="nearest"),
        "num_glimpses": 3,
        "unroll": False,
        "return_sequences": True,
    }


@kind((3, 4, 9, 8, 2))
def recurrent_attention_along_a_sequence():
    return layers.RecurrentAttention, {"cell": small_cell()}


def make(name):
    layer_class, arguments = KINDS[name][0]()
    return layer_class(**arguments)


def inputs_of(name, batch=None):
    generator = np.random.default_rng(2)
    values = [
        generator.uniform(-1, 1, shape).astype("float32")[:batch]
        for shape in KINDS[name][1]
    ]
    return values if len(values) > 1 else values[0]


def functional(name):
    inputs = [keras.Input(shape[1:]) for shape in KINDS[name][1]]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    return keras.Model(inputs, make(name)(inputs))


def assert_same(actual, expected, **tolerance):
    keras.tree.assert_same_structure(actual, expected)
    for one, other in zip(
        keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True
    ):
        np.testing.assert_allclose(
            tf.cast(one, "float32"), tf.cast(other, "float32"), **tolerance
        )


every_layer = pytest.mark.parametrize("name", KINDS)


def test_every_public_layer_is_in_the_list():
    public = {name.lower() for name in layers.__all__}
    assert public <= {name.replace("_", "") for name in KINDS}


@every_layer
# Keras's check warns of itself, and of weights that its loss does not train.
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_keras_accepts_it(name):
    layer_class, arguments = KINDS[name][0]()
    shapes = KINDS[name][1]
    testing.TestCase().run_layer_test(
        layer_class,
        arguments,
        input_shape=shapes if len(shapes) > 1 else shapes[0],
        # Keras's check takes one loss for a single output.
        run_training_check=name != "gaussian_location_policy",
    )


@every_layer
def test_a_file_keeps_it(name, tmp_path):
    model = functional(name)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_same(again(inputs_of(name)), model(inputs_of(name)))


@every_layer
def test_its_config_makes_it_again(name):
    layer = make(name)
    config = layer.get_config()
    given = copy.deepcopy(config)
    again = type(layer).from_config(given)
    assert again.get_config() == config
    if not isinstance(layer, keras.layers.RNN):  # Keras's changes it
        assert given == config
    layer(inputs_of(name)), again(inputs_of(name))
    again.set_weights(layer.get_weights())
    assert_same(again(inputs_of(name)), layer(inputs_of(name)))


@every_layer
def test_clone_model_copies_it(name):
    model = functional(name)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert_same(clone(inputs_of(name)), model(inputs_of(name)))
    assert not {id(w) for w in clone.weights} & {id(w) for w in model.weights}


@every_layer
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_comes_close_to_float32(name, policy):
    layer = make(name)
    expected = layer(inputs_of(name))
    keras.config.set_dtype_policy(policy)
    mixed = make(name)
    mixed(inputs_of(name))
    mixed.set_weights(layer.get_weights())
    outputs = mixed(inputs_of(name))
    assert_same(outputs, expected, atol=0.05)
    symbolic = functional(name).output
    for output, spec in zip(
        keras.tree.flatten(outputs), keras.tree.flatten(symbolic), strict=True
    ):
        assert output.dtype == spec.dtype
    half = keras.config.dtype_policy().compute_dtype
    is_policy = name == "gaussian_location_policy"
    for output in keras.tree.flatten(outputs):
        assert output.dtype == ("float32" if is_policy else half)


@every_layer
def test_eager_graph_and_xla_are_the_same(name):
    layer, inputs = make(name), inputs_of(name)
    eager = layer(inputs)
    assert_same(tf.function(layer)(inputs), eager, atol=1e-5)
    compiled = tf.function(layer, jit_compile=True)
    assert_same(compiled(inputs), eager, atol=1e-5)


@every_layer
def test_the_batch_may_be_unknown_and_one(name):
    layer = make(name)
    expected = layer(inputs_of(name))
    shapes = [tf.TensorSpec((None, *s[1:])) for s in KINDS[name][1]]
    signature = shapes if len(shapes) > 1 else shapes[0]
    look = tf.function(layer, input_signature=[signature])
    assert_same(look(inputs_of(name)), expected, atol=1e-6)
    first = keras.tree.map_structure(lambda value: value[:1], expected)
    assert_same(look(inputs_of(name, batch=1)), first, atol=1e-6)


@every_layer
def test_symbolic_shapes_are_right(name):
    outputs = make(name)(inputs_of(name))
    symbolic = functional(name).output
    for output, spec in zip(
        keras.tree.flatten(outputs), keras.tree.flatten(symbolic), strict=True
    ):
        assert spec.shape == (None, *output.shape[1:])


@pytest.mark.parametrize(
    ("layer", "shapes", "expected"),
    [
        (
            layers.GlimpseSensor(4, 3),
            [(None, None, None, 2), (None, 2)],
            (None, 4, 4, 6),
        ),
        (layers.GlimpseNetwork(5, 6, 7), [(3, 4, 4, 2), (3, 2)], (3, 7)),
        (
            layers.GaussianLocationPolicy(),
            [(5, 2)],
            {
                "location": (5, 2),
                "location_mean": (5, 2),
                "log_prob": (5,),
                "entropy": (5,),
            },
        ),
    ],
)
def test_compute_output_shape(layer, shapes, expected):
    assert layer.compute_output_shape(*shapes) == expected
