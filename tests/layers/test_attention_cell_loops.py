"""A cell in the loop of Keras, and in ours."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models

ITEMS = np.random.default_rng(0).normal(size=(3, 5, 6)).astype("float32")
VIDEO = np.random.default_rng(1).normal(size=(3, 4, 5, 6)).astype("float32")
IMAGES = np.random.default_rng(2).random((3, 9, 8, 2), "float32")
MASK = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], "bool")


def soft_cell(cell=None, **arguments):
    return layers.AttentionCell(
        layers.ItemWiseSoftAttention(units=4),
        cell or keras.layers.LSTMCell(8),
        **arguments,
    )


def test_keras_and_our_loop_drive_it_alike(mechanism_and_inputs):
    mechanism, inputs = mechanism_and_inputs
    cell = layers.AttentionCell(mechanism, keras.layers.LSTMCell(8))
    video = np.stack([inputs, inputs[::-1], inputs], axis=1)
    ours = layers.RecurrentAttention(cell, return_sequences=True)(video)
    theirs = keras.layers.RNN(cell, return_sequences=True)(video)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("unroll", [False, True])
def test_a_static_input_is_a_sequence_of_the_same(mechanism_and_inputs, unroll):
    mechanism, inputs = mechanism_and_inputs
    cell = layers.AttentionCell(mechanism, keras.layers.GRUCell(8))
    look = layers.RecurrentAttention(
        cell, 3, return_sequences=True, unroll=unroll
    )
    along = layers.RecurrentAttention(cell, return_sequences=True)
    video = np.repeat(inputs[:, None], 3, axis=1)
    np.testing.assert_allclose(look(inputs), along(video), atol=1e-5)


def test_a_task_is_part_of_the_query():
    cell = soft_cell()
    look = layers.RecurrentAttention(cell, num_glimpses=2)
    task = np.random.default_rng(5).normal(size=(3, 4)).astype("float32")
    _, attention = look(ITEMS, task=task, return_attention=True)
    mechanism = cell.mechanism
    query = np.concatenate([np.zeros((3, 8), "float32"), task], axis=1)
    _, expected = mechanism(ITEMS, query, return_attention=True)
    np.testing.assert_allclose(
        attention["attention_weights"][:, 0],
        expected["attention_weights"],
        atol=1e-6,
    )


def test_a_model_asks_different_questions_about_one_picture(tmp_path):
    items, task = keras.Input((5, 6)), keras.Input((4,))
    look = layers.RecurrentAttention(soft_cell(), num_glimpses=2)
    model = keras.Model([items, task], look(items, task=task))
    one, other = np.eye(4, dtype="float32")[[0, 1, 2]], np.ones((3, 4))
    assert np.any(model([ITEMS, one]) != model([ITEMS, other]))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again([ITEMS, one]), model([ITEMS, one]))


@pytest.mark.parametrize("unroll", [False, True])
def test_masked_items_of_a_static_input_are_never_attended_to(unroll):
    look = layers.RecurrentAttention(soft_cell(), 3, unroll=unroll)
    output, attention = look(ITEMS, mask=MASK, return_attention=True)
    weights = attention["attention_weights"].numpy()
    assert np.all(weights[~np.repeat(MASK[:, None], 3, axis=1)] == 0)
    np.testing.assert_allclose(weights.sum(-1)[:2], 1, atol=1e-6)
    changed = np.where(MASK[..., None], ITEMS, 100.0).astype("float32")
    np.testing.assert_allclose(look(changed, mask=MASK), output, atol=1e-6)


def test_the_mask_of_keras_reaches_the_items():
    words = np.array([[1, 2, 0], [3, 0, 0]])
    embedded = keras.layers.Embedding(4, 6, mask_zero=True)(words)
    task = np.ones((2, 3), "float32")
    for arguments in ({}, {"task": task}, {"initial_state": [task, task]}):
        core = keras.layers.LSTMCell(3)
        look = layers.RecurrentAttention(soft_cell(core), num_glimpses=2)
        _, attention = look(embedded, return_attention=True, **arguments)
        weights = attention["attention_weights"].numpy()
        np.testing.assert_array_equal(weights[:, 0] > 0, words > 0)


@pytest.mark.parametrize("unroll", [False, True])
def test_with_inhibition_of_return_no_item_is_chosen_twice(unroll):
    mechanism = layers.ItemWiseHardAttention(2, units=4)
    cell = layers.AttentionCell(
        mechanism, keras.layers.GRUCell(8), inhibition_of_return=True
    )
    look = layers.RecurrentAttention(cell, 3, unroll=unroll, return_state=True)
    _, _, visited = look(ITEMS, training=True)
    _, _, _, attention = look(ITEMS, training=True, return_attention=True)
    indices = attention["indices"].numpy().reshape(3, 6)
    for chosen in indices:  # five items, then none is left
        assert sorted(chosen) == [-1, 0, 1, 2, 3, 4]
    np.testing.assert_array_equal(visited, np.ones((3, 5)))


def test_inhibition_of_return_in_keras_rnn_and_from_given_states():
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(units=4),
        keras.layers.GRUCell(8),
        inhibition_of_return=True,
    )
    look = layers.RecurrentAttention(cell)
    expected = look(VIDEO)
    np.testing.assert_allclose(
        keras.layers.RNN(cell)(VIDEO), expected, atol=1e-6
    )
    given = look(VIDEO, initial_state=np.zeros((3, 8), "float32"))
    np.testing.assert_allclose(given, expected, atol=1e-6)


def test_inhibition_needs_to_know_how_many_items_there_are():
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(),
        keras.layers.GRUCell(8),
        inhibition_of_return=True,
    )
    with pytest.raises(ValueError, match="needs a known number of items"):
        layers.RecurrentAttention(cell, 2)(keras.Input((None, 6)))


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("driver", ["ours", "Keras's"])
def test_dropout_of_the_cell_works_call_after_call(driver, unroll):
    cell = soft_cell(
        keras.layers.LSTMCell(8, dropout=0.5, recurrent_dropout=0.5)
    )
    if driver == "ours":
        look = layers.RecurrentAttention(cell, unroll=unroll)
    else:
        look = keras.layers.RNN(cell, unroll=unroll)
    video = VIDEO[:, :2]
    run = tf.function(lambda x: look(x, training=True))
    assert np.any(run(video) != run(video))
    assert np.any(look(video, training=True) != look(video, training=True))
    np.testing.assert_array_equal(look(video), look(video))


def test_parts_are_recorded_once_by_the_loop_that_holds_them():
    look = layers.RecurrentAttention(soft_cell(), 2, name="look")
    with keras_attention.record_attention() as recorded:
        look(ITEMS)
    assert set(recorded) == {"look"}


def nearest_glimpses():
    """Which compile fastest."""
    return layers.LocationWiseHardAttention(
        layers.GlimpseSensor(2, interpolation="nearest")
    )


@pytest.mark.parametrize(
    ("kind", "make", "inputs"),
    [
        (keras.Model, lambda: layers.ItemWiseSoftAttention(units=4), ITEMS),
        (
            models.ReinforceModel,
            lambda: layers.ItemWiseHardAttention(2, units=4),
            ITEMS,
        ),
        (models.ReinforceModel, nearest_glimpses, IMAGES),
    ],
)
def test_xla_trains_a_loop_over_a_batch_of_unknown_size(kind, make, inputs):
    cell = layers.AttentionCell(make(), keras.layers.GRUCell(8))
    video = np.repeat(inputs[:, None], 2, axis=1)
    frames = keras.Input(video.shape[1:])
    scores = keras.layers.Dense(3)(layers.RecurrentAttention(cell)(frames))
    model = kind(frames, scores)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, jit_compile=True)
    before = model.get_weights()
    data = tf.data.Dataset.from_tensor_slices((video, np.arange(3))).batch(4)
    assert data.element_spec[0].shape[0] is None
    model.fit(data, shuffle=False, verbose=0)
    assert any(
        np.any(new != old)
        for new, old in zip(model.get_weights(), before, strict=True)
    )


@pytest.mark.parametrize("return_state", [False, True])
@pytest.mark.parametrize("num_glimpses", [None, 3])
def test_symbolic_shapes_of_the_loop(num_glimpses, return_state):
    look = layers.RecurrentAttention(
        soft_cell(),
        num_glimpses,
        return_sequences=True,
        return_state=return_state,
    )
    inputs = ITEMS if num_glimpses else VIDEO
    outputs = look(inputs)
    shapes = [tuple(one.shape) for one in keras.tree.flatten(outputs)]
    found = look.compute_output_shape(inputs.shape)
    assert (list(found) if return_state else [found]) == shapes


def test_it_can_be_distributed_over_time():
    look = layers.RecurrentAttention(soft_cell(), num_glimpses=2)
    video = keras.Input((4, 5, 6))
    model = keras.Model(video, keras.layers.TimeDistributed(look)(video))
    for t in range(4):
        np.testing.assert_allclose(
            model(VIDEO)[:, t], look(VIDEO[:, t]), atol=1e-6
        )


def test_a_map_of_unknown_size_needs_a_network_that_reads_it():
    cell = layers.AttentionCell(
        layers.LocationWiseSoftAttention(output="zero"),
        keras.layers.GRUCell(8),
    )
    with pytest.raises(ValueError, match="give the cell a `network`"):
        layers.RecurrentAttention(cell, 2)(keras.Input((None, None, 2)))


def run(**arguments):
    along = layers.RecurrentAttention(soft_cell())
    return along(arguments.pop("inputs", VIDEO), **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask": np.ones((3, 5), "bool")}, r"`mask` must.*\(3, 4\).*\(3, 5\)"),
        ({"mask": np.ones((1, 4), "bool")}, r"mask.shape=\(1, 4\)"),
        ({"mask": np.ones((3, 4, 5), "bool")}, r"mask.shape=\(3, 4, 5\)"),
        ({"mask": np.ones(4, "bool")}, r"mask.shape=\(4,\)"),
        ({"task": np.ones((3, 4, 5))}, r"`task`.*task.shape=\(3, 4, 5\)"),
        ({"task": np.ones((2, 5))}, r"`task` must have the batch"),
        ({"initial_state": [np.ones((3, 8))]}, r"widths \[8, 8\].*\[8\]"),
        ({"initial_state": [np.ones((3, 8))] * 3}, r"widths \[8, 8, 8\]"),
        ({"initial_state": [np.ones((3, 7))] * 2}, r"widths \[7, 7\]"),
        ({"inputs": VIDEO[:, :0]}, r"one step.*\(3, 0, 5, 6\)"),
    ],
)
def test_what_does_not_fit_a_sequence_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        run(**arguments)
