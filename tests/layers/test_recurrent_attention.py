import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers

IMAGES = np.random.default_rng(0).random((3, 9, 8, 1), "float32")
VIDEO = np.random.default_rng(1).random((3, 5, 9, 8, 1), "float32")


def small_cell(core=None, **arguments):
    return layers.GlimpseCell(
        4,
        core=core or keras.layers.SimpleRNNCell(8, "relu"),
        glimpse_network=layers.GlimpseNetwork(5, 6, 7),
        **arguments,
    )


def seeded_cell(**arguments):
    policy = layers.GaussianLocationPolicy(0.3, seed=4)
    return small_cell(location_policy=policy, **arguments)


def run_twin(layer, inputs, **changes):
    """Runs a copy of the layer with the same weights and random numbers."""
    config = {**layer.get_config(), **changes}
    twin = layers.RecurrentAttention.from_config(config)
    twin.build(inputs.shape)
    twin.set_weights(layer.get_weights())
    return twin(inputs, training=True, return_attention=True)


def assert_same(actual, expected):
    for one, other in zip(
        keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("num_glimpses", "inputs"), [(4, IMAGES), (None, VIDEO)]
)
def test_unrolled_and_loop_are_the_same_with_the_same_noise(
    num_glimpses, inputs
):
    layer = layers.RecurrentAttention(
        seeded_cell(core=keras.layers.LSTMCell(8)),
        num_glimpses,
        return_sequences=True,
        return_state=True,
    )
    layer.build(inputs.shape)
    unrolled = run_twin(layer, inputs, unroll=True)
    assert np.any(unrolled[-1]["location"] != unrolled[-1]["location_mean"])
    assert_same(run_twin(layer, inputs, unroll=False), unrolled)


@pytest.mark.parametrize("along_a_sequence", [False, True])
def test_it_is_the_cell_stepped_by_hand(along_a_sequence):
    cell = small_cell()
    num_glimpses = None if along_a_sequence else 5
    layer = layers.RecurrentAttention(
        cell, num_glimpses, return_sequences=True, return_state=True
    )
    outputs, state, attention = layer(
        VIDEO if along_a_sequence else IMAGES, return_attention=True
    )
    states = cell.get_initial_state(3)
    for t in range(5):
        output, states, looked = cell(
            VIDEO[:, t] if along_a_sequence else IMAGES,
            states,
            return_attention=True,
        )
        np.testing.assert_allclose(outputs[:, t], output, atol=1e-6)
        for name in attention:
            np.testing.assert_allclose(
                attention[name][:, t], looked[name], atol=1e-5
            )
    np.testing.assert_allclose(state, states[0], atol=1e-6)


@pytest.mark.parametrize("unroll", [False, True])
def test_what_is_returned(unroll):
    def run(**arguments):
        layer = layers.RecurrentAttention(
            small_cell(keras.layers.LSTMCell(8)), 2, unroll=unroll, **arguments
        )
        return layer(IMAGES), layer(IMAGES, return_attention=True)

    output, with_attention = run()
    assert output.shape == (3, 8)
    output, attention = with_attention
    assert {name: tuple(value.shape) for name, value in attention.items()} == {
        "location": (3, 2, 2),
        "location_mean": (3, 2, 2),
        "log_prob": (3, 2),
        "entropy": (3, 2),
    }
    (output, h, c), with_attention = run(return_state=True)
    assert [output.shape, h.shape, c.shape] == [(3, 8)] * 3
    assert len(with_attention) == 4
    output, _ = run(return_sequences=True)
    assert output.shape == (3, 2, 8)


@pytest.mark.parametrize("unroll", [True, False])
def test_one_step_tells_the_shapes_of_all(unroll, monkeypatch):
    layer = layers.RecurrentAttention(
        small_cell(core=keras.layers.LSTMCell(8)),
        num_glimpses=4,
        return_sequences=True,
        return_state=True,
        unroll=unroll,
    )
    results = layer(IMAGES, return_attention=True)
    steps = []
    step = layers.AttentionCell.step
    monkeypatch.setattr(
        layers.AttentionCell,
        "step",
        lambda *args, **kwargs: steps.append(args) or step(*args, **kwargs),
    )
    symbols = layer(
        keras.Input(IMAGES.shape[1:], batch_size=3), return_attention=True
    )
    assert len(steps) == 1
    keras.tree.assert_same_structure(symbols, results)
    for symbol, result in zip(
        keras.tree.flatten(symbols), keras.tree.flatten(results), strict=True
    ):
        assert (symbol.shape, symbol.dtype) == (result.shape, result.dtype)


def test_an_initial_state_is_where_it_starts():
    layer = layers.RecurrentAttention(small_cell(), 2, return_state=True)
    whole, _ = layers.RecurrentAttention(layer.cell, 4)(IMAGES), layer(IMAGES)
    _, state = layer(IMAGES)
    for initial_state in ([state], state):
        output, _ = layer(IMAGES, initial_state=initial_state)
        np.testing.assert_allclose(output, whole, atol=1e-6)


def test_an_initial_state_can_be_an_input_of_a_model():
    images, state = keras.Input((9, 8, 1)), keras.Input((8,))
    layer = layers.RecurrentAttention(small_cell(), 2)
    model = keras.Model([images, state], layer(images, initial_state=[state]))
    zeros = np.zeros((3, 8), "float32")
    np.testing.assert_array_equal(model([IMAGES, zeros]), layer(IMAGES))
    assert np.any(model([IMAGES, zeros + 1]) != layer(IMAGES))


@pytest.mark.parametrize("unroll", [False, True])
def test_masked_steps_keep_state_and_output(unroll):
    mask = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], "bool")
    layer = layers.RecurrentAttention(
        small_cell(),
        return_sequences=True,
        return_state=True,
        unroll=unroll,
    )
    results = layer(VIDEO, mask=mask, return_attention=True)
    outputs, state, attention = keras.tree.map_structure(np.array, results)
    for b, kept in enumerate(mask):
        if kept.any():
            alone, expected = layer(VIDEO[b : b + 1, kept])
            np.testing.assert_allclose(outputs[b, kept], alone[0], atol=1e-6)
            np.testing.assert_allclose(state[b], expected[0], atol=1e-6)
    np.testing.assert_array_equal(outputs[0, 3:], [outputs[0, 2]] * 2)
    np.testing.assert_array_equal(outputs[1, 2], outputs[1, 1])
    np.testing.assert_array_equal(outputs[2], np.zeros((5, 8)))
    np.testing.assert_array_equal(state[2], np.zeros(8))
    # What is not looked at is not rewarded either.
    np.testing.assert_array_equal(attention["log_prob"] != 0, mask)
    np.testing.assert_array_equal(attention["entropy"] != 0, mask)


def test_the_mask_goes_on_with_a_sequence_of_outputs():
    mask = np.ones((3, 5), "bool")
    along = layers.RecurrentAttention(small_cell(), return_sequences=True)
    assert along.compute_mask(VIDEO, mask) is mask
    last = layers.RecurrentAttention(small_cell())
    assert last.compute_mask(VIDEO, mask) is None


def test_a_sequence_of_unknown_length_is_looped_over():
    layer = layers.RecurrentAttention(small_cell(), return_sequences=True)
    signature = [tf.TensorSpec((None, None, 9, 8, 1))]
    run = tf.function(layer, input_signature=signature)
    for length in (1, 3):
        video = VIDEO[:, :length]
        np.testing.assert_allclose(run(video), layer(video), atol=1e-6)


def test_unrolling_a_sequence_of_unknown_length_is_an_error():
    layer = layers.RecurrentAttention(small_cell(), unroll=True)
    with pytest.raises(ValueError, match=r"length is known.*unroll=True"):
        layer(keras.Input((None, 9, 8, 1)))


@pytest.mark.parametrize("num_glimpses", [0, -1, 2.0, "3", True])
def test_a_number_of_glimpses_that_is_none_is_an_error(num_glimpses):
    message = f"`num_glimpses`.*num_glimpses={num_glimpses!r}"
    with pytest.raises(ValueError, match=message):
        layers.RecurrentAttention(small_cell(), num_glimpses)


def test_a_cell_that_attends_to_nothing_is_an_error():
    with pytest.raises(ValueError, match="`cell` must be an attention cell"):
        layers.RecurrentAttention(keras.layers.LSTMCell(8), 2)


def test_images_smaller_than_a_glimpse_are_an_error():
    layer = layers.RecurrentAttention(small_cell(), 2)
    with pytest.raises(ValueError, match="glimpse_size=4, images.shape"):
        layer(IMAGES[:, :3])


def test_one_layer_reads_images_of_all_sizes():
    layer = layers.RecurrentAttention(small_cell(), 2)
    images = keras.Input((None, None, 1))
    model = keras.Model(images, layer(images))
    for shape in [(3, 9, 8, 1), (1, 5, 20, 1)]:
        assert model(np.zeros(shape, "float32")).shape == (shape[0], 8)


def test_set_random_seed_repeats_a_rollout():
    def rollout():
        keras.utils.set_random_seed(11)
        layer = layers.RecurrentAttention(small_cell(), 3)
        return layer(IMAGES, training=True, return_attention=True)

    assert_same(rollout(), rollout())


def test_a_file_keeps_where_the_random_numbers_are(tmp_path):
    images = keras.Input((9, 8, 1))
    layer = layers.RecurrentAttention(small_cell(), 3)
    model = keras.Model(images, layer(images))
    first = model(IMAGES, training=True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    second = model(IMAGES, training=True)
    assert np.any(first != second)
    np.testing.assert_array_equal(again(IMAGES, training=True), second)


def test_a_scope_decides_every_step():
    path = np.random.default_rng(2).uniform(-1, 1, (3, 2, 2)).astype("float32")
    layer = layers.RecurrentAttention(small_cell(), 2)
    with keras_attention.policy(location=path):
        _, attention = layer(IMAGES, training=True, return_attention=True)
    np.testing.assert_array_equal(attention["location"], path)


def test_a_recorder_sees_every_step_and_the_query():
    layer = layers.RecurrentAttention(small_cell(), 2, name="look")
    with keras_attention.record_attention() as recorded:
        _, attention = layer(IMAGES, return_attention=True)
    assert set(recorded["look"]) == {*attention, "query"}
    assert recorded["look"]["query"].shape == (3, 2, 8)
