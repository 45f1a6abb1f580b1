"""What tests of several layers share: cells, mechanisms, a converter."""

import gc

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_attention import layers

ITEMS = np.random.default_rng(0).normal(size=(3, 5, 6)).astype("float32")
IMAGES = np.random.default_rng(2).random((3, 9, 8, 2), "float32")


@keras.saving.register_keras_serializable("tests")
class UserCell(keras.layers.Layer):
    """What Keras asks of a cell, and nothing more."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, shape):
        self.kernel = self.add_weight(
            shape=(shape[-1], self.units), name="kernel"
        )

    def call(self, inputs, states):
        output = 0.5 * states[0] + tf.tanh(inputs @ self.kernel)
        return output, output

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def kinds_of_cells():
    cells = keras.layers
    return {
        "SimpleRNN": lambda: cells.SimpleRNNCell(8),
        "GRU": lambda: cells.GRUCell(8),
        "LSTM": lambda: cells.LSTMCell(8),
        "stacked": lambda: cells.StackedRNNCells(
            [cells.LSTMCell(4), cells.GRUCell(8)]
        ),
        "GRU on GRU": lambda: cells.StackedRNNCells(
            [cells.GRUCell(4), cells.GRUCell(8)]
        ),
        "LSTM on LSTM": lambda: cells.StackedRNNCells(
            [cells.LSTMCell(5), cells.LSTMCell(8)]
        ),
        "user": lambda: UserCell(8),
    }


@pytest.fixture(params=kinds_of_cells())
def core(request):
    """A Keras RNN cell of every kind."""
    return kinds_of_cells()[request.param]()


def crops():
    return layers.SpatialTransformer(
        keras.layers.Dense(4), (4, 3), localize_from="query"
    )


MECHANISMS = {
    "item soft": (lambda: layers.ItemWiseSoftAttention(units=4), ITEMS),
    "item hard": (lambda: layers.ItemWiseHardAttention(2, units=4), ITEMS),
    "location soft": (
        lambda: layers.LocationWiseSoftAttention("gaussian"),
        IMAGES,
    ),
    "location hard": (lambda: layers.LocationWiseHardAttention(4), IMAGES),
    "transformer": (crops, IMAGES),
}


@pytest.fixture(params=MECHANISMS)
def mechanism_and_inputs(request):
    """A mechanism of every kind, and what it attends to."""
    make, inputs = MECHANISMS[request.param]
    return make(), inputs


@pytest.fixture(scope="session")
def assert_same():
    """Compares all tensors of two structures, whatever their dtypes."""

    def check(actual, expected, **tolerance):
        keras.tree.assert_same_structure(actual, expected)
        for one, other in zip(
            keras.tree.flatten(actual),
            keras.tree.flatten(expected),
            strict=True,
        ):
            np.testing.assert_allclose(
                tf.cast(one, "float32"), tf.cast(other, "float32"), **tolerance
            )

    return check


@pytest.fixture
def convert(tmp_path):
    """Converts a concrete function to TFLite's built-in operations alone.

    To a function of the named inputs that returns the named outputs.
    """

    def converted(function, variables):
        saved = tf.Module()
        saved.all_variables = [variable.value for variable in variables]
        # Gradients are not converted; to trace them takes as long as the rest.
        options = tf.saved_model.SaveOptions(
            experimental_custom_gradients=False
        )
        folder = str(tmp_path / "saved")
        tf.saved_model.save(saved, folder, {"run": function}, options)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=["run"]
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        file = Interpreter(model_content=without_old_garbage(converter.convert))
        return file.get_signature_runner("run")

    return converted


def without_old_garbage(function):
    """The converter collects garbage: not among all that others left."""
    gc.freeze()
    try:
        return function()
    finally:
        gc.unfreeze()
