"""Where the state of a cell starts."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import layers

ITEMS = np.random.default_rng(0).normal(size=(3, 5, 6)).astype("float32")
VIDEO = np.random.default_rng(1).normal(size=(3, 4, 5, 6)).astype("float32")


def soft_cell(cell=None, **arguments):
    return layers.AttentionCell(
        layers.ItemWiseSoftAttention(units=4),
        cell or keras.layers.LSTMCell(8),
        **arguments,
    )


def test_a_learned_start_is_trained(core):
    cell = soft_cell(core, start="learned")
    look = layers.RecurrentAttention(cell, num_glimpses=2)
    look(ITEMS)
    sizes = keras.tree.flatten(cell.cell.state_size)
    assert [tuple(w.shape) for w in cell.start_states] == [
        (1, size) for size in sizes
    ]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(look(ITEMS))
    weights = [weight.value for weight in cell.start_states]
    for gradient in tape.gradient(loss, weights):
        assert np.any(gradient != 0)
    for weight in cell.start_states:
        weight.assign(weight + 0.5)
    given = [np.full((3, size), 0.5, "float32") for size in sizes]
    np.testing.assert_allclose(
        look(ITEMS), look(ITEMS, initial_state=given), atol=1e-6
    )
    np.testing.assert_allclose(
        keras.layers.RNN(cell)(VIDEO),
        keras.layers.RNN(cell)(VIDEO, initial_state=given),
        atol=1e-6,
    )


def test_a_network_of_the_inputs_can_start_the_state():
    start = keras.Sequential(
        [keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(16)]
    )
    look = layers.RecurrentAttention(soft_cell(start=start), num_glimpses=2)
    numbers = start(ITEMS)
    given = [numbers[:, :8], numbers[:, 8:]]
    np.testing.assert_allclose(
        look(ITEMS), look(ITEMS, initial_state=given), atol=1e-6
    )


def recurrent(cell):
    return layers.RecurrentAttention(cell, num_glimpses=2)


def until_sure(cell):
    return layers.UntilSure(cell, keras.layers.Dense(3), 2, threshold=1)


@pytest.mark.parametrize("make", [recurrent, until_sure])
def test_a_start_network_leaves_out_what_is_masked(make):
    mean, dense = keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(16)
    look = make(soft_cell(start=keras.Sequential([mean, dense])))
    look(ITEMS)  # builds
    mask = np.arange(5) < np.array([[5], [3], [1]])
    means = [ITEMS[b, mask[b]].mean(axis=0) for b in range(3)]
    numbers = dense(np.stack(means))
    given = [numbers[:, :8], numbers[:, 8:]]
    np.testing.assert_allclose(
        look(ITEMS, mask=mask),
        look(ITEMS, mask=mask, initial_state=given),
        atol=1e-6,
    )


def test_along_a_sequence_the_start_network_sees_all_of_it():
    start = keras.Sequential(
        [
            keras.layers.Reshape((-1, 6)),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(16),
        ]
    )
    look = layers.RecurrentAttention(soft_cell(start=start))
    output = look(VIDEO)
    numbers = start(VIDEO)
    given = [numbers[:, :8], numbers[:, 8:]]
    np.testing.assert_allclose(
        output, look(VIDEO, initial_state=given), atol=1e-6
    )


def test_in_keras_rnn_a_start_network_is_an_error():
    cell = soft_cell(start=keras.layers.Dense(16))
    with pytest.raises(ValueError, match="use `RecurrentAttention`"):
        keras.layers.RNN(cell)(VIDEO)


def test_a_start_of_the_wrong_size_is_an_error():
    start = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(8)])
    look = layers.RecurrentAttention(soft_cell(start=start), num_glimpses=2)
    with pytest.raises(ValueError, match=r"return \(batch, 16\).*\(3, 8\)"):
        look(ITEMS)


def test_initial_states_are_known_before_the_cell_is_built():
    cell = soft_cell(start="learned")
    states = cell.get_initial_state(batch_size=3)
    output, _ = cell(ITEMS, states)
    assert output.shape == (3, 8)
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(),
        keras.layers.GRUCell(8),
        inhibition_of_return=True,
    )
    with pytest.raises(ValueError, match="build the cell first"):
        cell.get_initial_state(batch_size=3)
