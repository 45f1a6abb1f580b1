"""One step: any mechanism in any Keras cell."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers

ITEMS = np.random.default_rng(0).normal(size=(3, 5, 6)).astype("float32")
VIDEO = np.random.default_rng(1).normal(size=(3, 4, 5, 6)).astype("float32")
IMAGES = np.random.default_rng(2).random((3, 9, 8, 2), "float32")
MASK = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], "bool")


def cells_of(core):
    """The cells of a stack, or the cell alone."""
    return getattr(core, "cells", [core])


def soft_cell(cell=None, **arguments):
    return layers.AttentionCell(
        layers.ItemWiseSoftAttention(units=4),
        cell or keras.layers.LSTMCell(8),
        **arguments,
    )


def test_any_mechanism_in_any_cell_is_the_three_equations(
    mechanism_and_inputs, core
):
    mechanism, inputs = mechanism_and_inputs
    cell = layers.AttentionCell(mechanism, core)
    structure = core.state_size
    states = [
        np.random.default_rng(3).normal(size=(3, size)).astype("float32")
        for size in keras.tree.flatten(structure)
    ]
    output, new_states, attention = cell(inputs, states, return_attention=True)
    *_, last = cells_of(core)  # its states are the last ones, h first
    query = states[-len(keras.tree.flatten(last.state_size))]
    np.testing.assert_array_equal(attention["query"], query)
    attended = mechanism(inputs, query)
    packed = states
    if keras.tree.is_nested(structure):
        packed = keras.tree.pack_sequence_as(structure, states)
    expected, expected_states = core(tf.reshape(attended, (3, -1)), packed)
    np.testing.assert_allclose(output, expected, atol=1e-6)
    for new, one in zip(
        new_states, keras.tree.flatten(expected_states), strict=True
    ):
        np.testing.assert_allclose(new, one, atol=1e-6)


def test_the_glimpse_cell_is_this_composition_and_nothing_more():
    sensor = layers.GlimpseSensor(4, 2)
    glimpse_cell = layers.GlimpseCell(
        sensor, keras.layers.GRUCell(8), layers.GlimpseNetwork(5, 6, 7)
    )
    composed = layers.AttentionCell(
        layers.LocationWiseHardAttention(sensor),
        keras.layers.GRUCell(8),
        network=layers.GlimpseNetwork(5, 6, 7),
        read_location=True,
        query_gradient=False,
    )
    results = []
    noise = np.random.default_rng(4).normal(size=(3, 2)).astype("float32")
    for cell in (glimpse_cell, composed):
        look = layers.RecurrentAttention(cell, 2, return_state=True)
        look(IMAGES)
        cell.set_weights([0.1 + 0 * weight for weight in cell.get_weights()])
        state = tf.Variable(np.full((3, 8), 0.3, "float32"))
        with tf.GradientTape() as tape:
            output, states, attention = cell.step(
                cell.prepare(IMAGES), [state], choices={"noise": noise}
            )
            loss = tf.reduce_sum(output) + tf.reduce_sum(attention["log_prob"])
        weights = [weight.value for weight in cell.trainable_weights]
        gradients = tape.gradient(loss, [state, *weights])
        results.append((output, states, attention, gradients, look(IMAGES)))
    assert set(vars(layers.GlimpseCell)) & {"call", "step", "build"} == set()
    for one, other in zip(*map(keras.tree.flatten, results), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_gradient_into_the_state_can_be_stopped():
    mechanism = layers.ItemWiseHardAttention(units=4)
    state = tf.constant(np.ones((3, 8), "float32"))
    for flows in (True, False):
        cell = layers.AttentionCell(
            mechanism, keras.layers.GRUCell(8), query_gradient=flows
        )
        cell(ITEMS, [state])
        with tf.GradientTape() as tape:
            tape.watch(state)
            *_, attention = cell(ITEMS, [state], return_attention=True)
        gradient = tape.gradient(attention["log_prob"], state)
        assert (gradient is not None and np.any(gradient != 0)) == flows


def test_a_mechanism_alone_is_recorded():
    attend = layers.ItemWiseSoftAttention(name="attend")
    with keras_attention.record_attention() as recorded:
        attend(ITEMS)
    assert recorded["attend"]["attention_weights"].shape == (3, 5)


def test_what_a_masked_item_holds_changes_nothing():
    attend = layers.ItemWiseSoftAttention(units=4)
    results = []
    for content in (0.0, np.nan, np.inf):
        items = np.where(MASK[..., None], ITEMS, content).astype("float32")
        with tf.GradientTape() as tape:
            context = attend(items, mask=MASK)
            loss = tf.reduce_sum(context**2)
        weights = [weight.value for weight in attend.trainable_weights]
        results.append([context, *tape.gradient(loss, weights)])
    for zeros, nan, inf in zip(*results, strict=True):
        np.testing.assert_array_equal(nan, zeros)
        np.testing.assert_array_equal(inf, zeros)


def test_the_cell_may_compute_in_another_precision():
    for mixed in ("cell", "loop"):
        core = keras.layers.GRUCell(
            8, dtype="mixed_float16" if mixed == "cell" else "float32"
        )
        keras.config.set_dtype_policy(
            "mixed_float16" if mixed == "loop" else "float32"
        )
        look = layers.RecurrentAttention(
            layers.AttentionCell(layers.ItemWiseSoftAttention(units=4), core)
        )
        mask = np.array([[1, 1, 1, 0], [1, 0, 1, 1], [0, 0, 0, 0]], "bool")
        state = np.ones((3, 8), "float32")
        output = look(VIDEO, mask=mask, initial_state=[state])
        np.testing.assert_allclose(output[2], np.zeros(8))
        assert np.all(np.isfinite(output))


def test_states_that_do_not_fit_the_cell_are_an_error():
    with pytest.raises(ValueError, match=r"`states` must be.*\[8, 8\].*\[8\]"):
        soft_cell()(ITEMS, [np.ones((3, 8), "float32")])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": 3}, "`start` must be None.*start=3"),
        ({"network": "dense"}, "`network` must be a layer.*'dense'"),
        ({"cell": keras.layers.GRU(4)}, "`cell` must be a Keras RNN cell"),
        ({"mechanism": keras.layers.Dense(2)}, "`mechanism` must be an att"),
        ({"cell": keras.layers.Dense(2)}, "`cell` must be a Keras RNN cell"),
        ({"start": "zeros"}, "`start` must be None.*start='zeros'"),
        ({"inhibition_of_return": True}, "is for `ItemWiseHardAttention`"),
        ({"read_location": True}, "needs a `network`"),
    ],
)
def test_parts_that_do_not_fit_are_an_error(arguments, message):
    parts = {
        "mechanism": layers.ItemWiseSoftAttention(),
        "cell": keras.layers.LSTMCell(8),
        **arguments,
    }
    with pytest.raises(ValueError, match=message):
        layers.AttentionCell(**parts)


def test_reading_a_location_needs_a_mechanism_that_has_one():
    cell = soft_cell(network=keras.layers.Dense(2), read_location=True)
    with pytest.raises(ValueError, match="a mechanism that chooses places"):
        cell(ITEMS, cell.get_initial_state(batch_size=3))
