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
        "SimpleRNN": cells.SimpleRNNCell(8),
        "GRU": cells.GRUCell(8),
        "LSTM": cells.LSTMCell(8),
        "stacked": cells.StackedRNNCells([cells.LSTMCell(4), cells.GRUCell(8)]),
        "GRU on GRU": cells.StackedRNNCells(
            [cells.GRUCell(4), cells.GRUCell(8)]
        ),
        "user": UserCell(8),
    }


def mechanisms():
    return {
        "item soft": (layers.ItemWiseSoftAttention(units=4), ITEMS),
        "item hard": (layers.ItemWiseHardAttention(2, units=4), ITEMS),
        "location soft": (layers.LocationWiseSoftAttention("gaussian"), IMAGES),
        "location hard": (layers.LocationWiseHardAttention(4), IMAGES),
        "transformer": (
            layers.SpatialTransformer(
                keras.layers.Dense(4), (4, 3), localize_from="query"
            ),
            IMAGES,
        ),
    }


def cells_of(core):
    """The cells of a stack, or the cell alone."""
    return getattr(core, "cells", [core])


def soft_cell(cell=None, **arguments):
    return layers.AttentionCell(
        layers.ItemWiseSoftAttention(units=4),
        cell or keras.layers.LSTMCell(8),
        **arguments,
    )


@pytest.mark.parametrize("core", kinds_of_cells())
@pytest.mark.parametrize("kind", mechanisms())
def test_any_mechanism_in_any_cell_is_the_three_equations(kind, core):
    mechanism, inputs = mechanisms()[kind]
    core = kinds_of_cells()[core]
    cell = layers.AttentionCell(mechanism, core)
    structure = core.state_size
    states = [
        np.random.default_rng(3).normal(size=(3, size)).astype("float32")
        for size in keras.tree.flatten(structure)
    ]
    output, new_states, attention = cell(inputs, states, return_attention=True)
    query = states[0] if len(cells_of(core)) == 1 else states[-1]
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


@pytest.mark.parametrize("kind", mechanisms())
def test_keras_and_our_loop_drive_it_alike(kind):
    mechanism, inputs = mechanisms()[kind]
    cell = layers.AttentionCell(mechanism, keras.layers.LSTMCell(8))
    video = np.stack([inputs, inputs[::-1], inputs], axis=1)
    ours = layers.RecurrentAttention(cell, return_sequences=True)(video)
    theirs = keras.layers.RNN(cell, return_sequences=True)(video)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("kind", mechanisms())
@pytest.mark.parametrize("unroll", [False, True])
def test_a_static_input_is_a_sequence_of_the_same(kind, unroll):
    mechanism, inputs = mechanisms()[kind]
    cell = layers.AttentionCell(mechanism, keras.layers.GRUCell(8))
    look = layers.RecurrentAttention(
        cell, 3, return_sequences=True, unroll=unroll
    )
    along = layers.RecurrentAttention(cell, return_sequences=True)
    video = np.repeat(inputs[:, None], 3, axis=1)
    np.testing.assert_allclose(look(inputs), along(video), atol=1e-5)


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


@pytest.mark.parametrize("core", kinds_of_cells())
def test_a_learned_start_is_trained(core):
    cell = soft_cell(kinds_of_cells()[core], start="learned")
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
    run = tf.function(lambda x: look(x, training=True))
    assert np.any(run(VIDEO) != run(VIDEO))
    assert np.any(look(VIDEO, training=True) != look(VIDEO, training=True))
    np.testing.assert_array_equal(look(VIDEO), look(VIDEO))


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


def test_parts_are_recorded_once_by_the_loop_that_holds_them():
    look = layers.RecurrentAttention(soft_cell(), 2, name="look")
    with keras_attention.record_attention() as recorded:
        look(ITEMS)
    assert set(recorded) == {"look"}


def test_a_mechanism_alone_is_recorded():
    attend = layers.ItemWiseSoftAttention(name="attend")
    with keras_attention.record_attention() as recorded:
        attend(ITEMS)
    assert recorded["attend"]["attention_weights"].shape == (3, 5)


@pytest.mark.parametrize("kind", ["item soft", "item hard", "location hard"])
def test_xla_trains_a_loop_over_a_batch_of_unknown_size(kind):
    mechanism, inputs = mechanisms()[kind]
    if kind == "location hard":  # compiles fastest
        sensor = layers.GlimpseSensor(2, interpolation="nearest")
        mechanism = layers.LocationWiseHardAttention(sensor)
    cell = layers.AttentionCell(mechanism, keras.layers.GRUCell(8))
    video = np.repeat(inputs[:, None], 2, axis=1)
    frames = keras.Input(video.shape[1:])
    scores = keras.layers.Dense(3)(layers.RecurrentAttention(cell)(frames))
    kind = models.ReinforceModel if "hard" in kind else keras.Model
    model = kind(frames, scores)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, jit_compile=True)
    before = model.get_weights()
    # Three examples in batches of two: the last batch is smaller.
    model.fit(video, np.arange(3), batch_size=2, verbose=0)
    assert any(
        np.any(new != old)
        for new, old in zip(model.get_weights(), before, strict=True)
    )


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


def test_inhibition_needs_to_know_how_many_items_there_are():
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(),
        keras.layers.GRUCell(8),
        inhibition_of_return=True,
    )
    with pytest.raises(ValueError, match="needs a known number of items"):
        layers.RecurrentAttention(cell, 2)(keras.Input((None, 6)))


def test_a_map_of_unknown_size_needs_a_network_that_reads_it():
    cell = layers.AttentionCell(
        layers.LocationWiseSoftAttention(output="zero"),
        keras.layers.GRUCell(8),
    )
    with pytest.raises(ValueError, match="give the cell a `network`"):
        layers.RecurrentAttention(cell, 2)(keras.Input((None, None, 2)))
