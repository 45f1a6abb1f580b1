import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers

IMAGES = np.random.default_rng(0).random((3, 9, 8, 2), "float32")


@keras.saving.register_keras_serializable("tests")
class Blind(keras.layers.Layer):
    """A glimpse network that reads the place alone."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(5)

    def build(self, glimpse_shape, location_shape):
        self.dense.build(location_shape)

    def call(self, glimpse, location):
        return self.dense(location)


@keras.saving.register_keras_serializable("tests")
class WholeImage(keras.layers.Layer):
    """A glimpse sensor that sees the mean of everything."""

    def call(self, images, locations):
        return tf.reduce_mean(images, axis=(1, 2), keepdims=True)


def small_cell(**parts):
    parts = {
        "glimpse_sensor": 4,
        "core": keras.layers.SimpleRNNCell(8, "relu"),
        "glimpse_network": layers.GlimpseNetwork(5, 6, 7),
        **parts,
    }
    return layers.GlimpseCell(**parts)


def test_a_step_is_the_equations_of_the_paper():
    cell = small_cell()
    state = np.random.default_rng(1).random((3, 8), "float32")
    output, states, attention = cell(IMAGES, [state], return_attention=True)
    mean = cell.location_network(state)
    np.testing.assert_array_equal(attention["location_mean"], mean)
    np.testing.assert_array_equal(attention["location"], mean)
    np.testing.assert_array_equal(attention["query"], state)
    glimpse = cell.glimpse_sensor(IMAGES, mean)
    read = cell.glimpse_network(glimpse, mean)
    expected, [expected_state] = cell.core(read, [state])
    np.testing.assert_array_equal(output, expected)
    np.testing.assert_array_equal(states[0], expected_state)


def test_the_location_is_chosen_from_the_hidden_state_of_the_last_core(core):
    cell = small_cell(core=core)
    states = cell.get_initial_state(3)
    output, states, _ = cell(IMAGES, states, return_attention=True)
    *_, attention = cell(IMAGES, states, return_attention=True)
    # In all of these cells the output is the hidden state.
    np.testing.assert_array_equal(attention["query"], output)


def test_any_keras_cell_can_be_the_core(core, tmp_path):
    cell = small_cell(core=core)
    images = keras.Input((9, 8, 2))
    look = layers.RecurrentAttention(cell, num_glimpses=2, return_state=True)
    model = keras.Model(images, look(images))
    assert cell.output_size == 8
    outputs = model(IMAGES)
    assert outputs[0].shape == (3, 8)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(
        keras.tree.flatten(again(IMAGES)),
        keras.tree.flatten(outputs),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_a_core_that_is_no_cell_is_an_error():
    with pytest.raises(ValueError, match="`cell` must be a Keras RNN cell"):
        layers.GlimpseCell(4, core=keras.layers.Dense(8))


@pytest.mark.parametrize(
    "parts",
    [
        {"glimpse_network": Blind()},
        {"glimpse_sensor": WholeImage()},
        {
            "location_network": keras.Sequential(
                [keras.layers.Dense(5, "relu"), keras.layers.Dense(2, "tanh")]
            )
        },
        {"location_policy": layers.GaussianLocationPolicy(0.5)},
    ],
    ids=lambda parts: next(iter(parts)),
)
def test_every_part_can_be_the_users_own(parts, tmp_path):
    images = keras.Input((9, 8, 2))
    look = layers.RecurrentAttention(small_cell(**parts), num_glimpses=2)
    model = keras.Model(images, look(images))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(IMAGES), model(IMAGES))
    [(name, part)] = parts.items()
    assert type(getattr(again.layers[-1].cell, name)) is type(part)


def test_a_part_need_only_have_a_call():
    class Network(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(5)

        def call(self, glimpse, location):
            return self.dense(location)

    cell = small_cell(glimpse_network=Network())
    images = keras.Input((9, 8, 2))
    look = layers.RecurrentAttention(cell, num_glimpses=2)
    model = keras.Model(images, look(images))
    assert model(IMAGES).shape == (3, 8)
    assert cell.core.kernel.shape == (5, 8)


def test_it_is_a_keras_rnn_cell():
    video = np.random.default_rng(2).random((3, 4, 9, 8, 2), "float32")
    cell = small_cell(core=keras.layers.LSTMCell(8))
    outputs = keras.layers.RNN(cell, return_sequences=True)(video)
    ours = layers.RecurrentAttention(cell, return_sequences=True)(video)
    np.testing.assert_allclose(outputs, ours, atol=1e-6)


@pytest.mark.parametrize("unroll", [False, True])
def test_in_keras_rnn_it_samples_in_training(unroll):
    video = np.random.default_rng(2).random((3, 4, 9, 8, 2), "float32")
    run = keras.layers.RNN(small_cell(), unroll=unroll)
    assert np.any(run(video, training=True) != run(video))
    compiled = tf.function(lambda x: run(x, training=True))
    assert np.any(compiled(video) != compiled(video))


def test_called_by_hand_it_samples_in_training():
    cell = small_cell()
    states = cell.get_initial_state(3)
    _, _, attention = cell(IMAGES, states, training=True, return_attention=True)
    assert np.all(attention["location"] != attention["location_mean"])


def test_a_scope_reaches_a_step():
    cell = small_cell()
    states = cell.get_initial_state(3)
    with keras_attention.policy(location=[0.5, -0.5]):
        _, _, attention = cell(IMAGES, states, return_attention=True)
    np.testing.assert_array_equal(attention["location"], [[0.5, -0.5]] * 3)


def test_no_gradient_of_the_location_enters_the_core():
    cell = small_cell()
    state = tf.ones((3, 8))
    cell(IMAGES, [state])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(state)
        *_, attention = cell(
            IMAGES, [state], training=True, return_attention=True
        )
    assert tape.gradient(attention["log_prob"], state) is None
    to_network = tape.gradient(
        attention["log_prob"], cell.location_network.kernel
    )
    assert np.any(to_network != 0)


def test_a_context_network_can_start_the_state(tmp_path):
    start = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(8)])
    images = keras.Input((9, 8, 2))
    look = layers.RecurrentAttention(small_cell(start=start), num_glimpses=2)
    model = keras.Model(images, look(images))
    plain = look(IMAGES, initial_state=[np.zeros((3, 8), "float32")])
    assert np.any(model(IMAGES) != plain)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(IMAGES), model(IMAGES))
