import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class Rows(keras.layers.Layer):
    """Notes how many rows pass."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.seen = []

    def call(self, inputs):
        self.seen.append(inputs.shape[0])
        return inputs


def test_what_comes_before_is_run_once(items):
    before, after = Rows(), Rows()
    inputs = keras.Input((5, 4))
    chosen = layers.ItemWiseHardAttention(units=4)(before(inputs))
    scores = keras.layers.Dense(3)(keras.layers.Flatten()(after(chosen)))
    model = models.ReinforceModel(inputs, scores, num_samples=3)
    before.seen, after.seen = [], []
    assert model(items, training=True).shape == (24, 3)
    assert (before.seen, after.seen) == ([8], [24])
    assert model(items).shape == model.predict(items, verbose=0).shape == (8, 3)


def start_of_the_mean():
    return keras.Sequential(
        [keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(6)]
    )


def items_in_a_loop():
    mechanism = layers.ItemWiseHardAttention(2, units=4)
    core = keras.layers.GRUCell(6)
    cell = layers.AttentionCell(mechanism, core, start=start_of_the_mean())
    inputs, task = keras.Input((5, 4)), keras.Input((2,))
    look = layers.RecurrentAttention(cell, 3, name="look")
    return [inputs, task], look(inputs, task=task), "indices"


def glimpses_in_a_loop():
    inputs = keras.Input((5, 4))
    images = keras.layers.Reshape((5, 4, 1))(inputs)
    cell = layers.GlimpseCell(
        layers.GlimpseSensor(2, 2), keras.layers.SimpleRNNCell(6)
    )
    look = layers.RecurrentAttention(cell, 3, name="look")
    return inputs, look(images), "location"


def items_along_a_sequence():
    inputs = keras.Input((5, 4))
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(units=4), keras.layers.GRUCell(6)
    )
    look = layers.RecurrentAttention(cell, name="look")
    return inputs, look(keras.layers.Reshape((5, 2, 2))(inputs)), "indices"


def alone():
    inputs = keras.Input((5, 4))
    look = layers.ItemWiseHardAttention(units=4, name="look")
    query = keras.layers.Dense(3)(keras.layers.Flatten()(inputs))
    return inputs, keras.layers.Flatten()(look(inputs, query)), "indices"


@pytest.mark.parametrize(
    "make",
    [
        items_in_a_loop,
        glimpses_in_a_loop,
        items_along_a_sequence,
        alone,
    ],
)
def test_the_rows_are_rollouts_of_the_examples_in_order(make, items):
    """As a model that is given each example several times, looking there."""
    inputs, output, name = make()
    model = models.ReinforceModel(
        inputs, keras.layers.Dense(3)(output), num_samples=4
    )
    given = [items, items[:, 0, :2]] if isinstance(inputs, list) else items
    with keras_attention.record_attention() as attention:
        scores = model(given, training=True)
    chosen = attention["look"][name].numpy()
    assert len(np.unique(chosen[:4])) > 1
    repeated = keras.tree.map_structure(lambda x: np.repeat(x, 4, 0), given)
    reference = keras.Model(inputs, model.outputs)
    with keras_attention.policy(**{name: chosen}):
        expected = reference(repeated)
    np.testing.assert_allclose(scores, expected, atol=1e-5)


@pytest.mark.parametrize("again", [False, True])
def test_only_the_first_of_a_chain_repeats(items, again):
    """The second, asked by the first, looks at its choice or at the input."""
    inputs = keras.Input((5, 4))
    first = layers.ItemWiseHardAttention(3, units=4, name="first")(inputs)
    query = keras.layers.Flatten()(first)
    second = layers.ItemWiseHardAttention(units=4, name="second")
    output = keras.layers.Flatten()(second(inputs if again else first, query))
    model = models.ReinforceModel(inputs, output, num_samples=4)
    with keras_attention.record_attention() as attention:
        found = model(items, training=True)
    one, two = (attention[name]["indices"] for name in ("first", "second"))
    rows = np.repeat(np.arange(8), 4)
    index = two[:, 0] if again else np.array(one)[np.arange(32), two[:, 0]]
    np.testing.assert_array_equal(found, items[rows, index])
    assert len(np.unique(one[:4], axis=0)) > 1


def test_it_learns_as_from_each_example_several_times(make_items_model, items):
    labels = np.arange(8) % 3
    model = make_items_model(baseline="none", num_samples=4)
    once = models.ReinforceModel(model.input, model.output, baseline="none")
    once.compile("sgd", crossentropy())
    indices = np.random.default_rng(3).integers(0, 5, (32, 1))

    def gradients(model, x, y, weight):
        with keras_attention.policy(indices=indices), tf.GradientTape() as tape:
            scores = model(x, training=True)
            loss = model.compute_loss(x, y, scores, weight)
        metrics = model.compute_metrics(x, y, scores, weight)
        weights = [each.value for each in model.trainable_weights]
        return loss, tape.gradient(loss, weights), metrics["reward"]

    weight = np.random.default_rng(4).random(8).astype("float32")
    found = gradients(model, items, labels, weight)
    expected = gradients(
        once, *(np.repeat(each, 4, axis=0) for each in (items, labels, weight))
    )
    for one, other in zip(
        keras.tree.flatten(found), keras.tree.flatten(expected), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    "compile_with",
    [{"run_eagerly": True}, {"jit_compile": False}],
    ids=["eager", "graph"],
)
def test_fit_takes_batches_of_any_size(
    make_items_model, items, labels, compile_with
):
    compile_with["weighted_metrics"] = ["accuracy"]
    model = make_items_model(
        compile_with, num_samples=3, baseline="leave_one_out"
    )
    history = model.fit(
        items,
        labels,
        batch_size=5,
        class_weight={0: 1.0, 1: 2.0, 2: 0.5},
        validation_data=(items, labels),
        verbose=0,
    ).history
    assert np.isfinite(list(history.values())).all()
    assert history["accuracy"][0] == pytest.approx(history["reward"][0])
    assert history["val_accuracy"] == history["val_reward"]


def test_masked_sequences_have_rollouts_too():
    inputs = keras.Input((None, 5, 4))
    mask = keras.layers.Lambda(
        lambda x: keras.ops.any(x[..., 0, :] != 0, axis=-1)
    )(inputs)
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(units=4), keras.layers.GRUCell(6)
    )
    look = layers.RecurrentAttention(cell, return_sequences=True, name="look")
    scores = keras.layers.Dense(3)(look(inputs, mask=mask))
    model = models.ReinforceModel(
        inputs,
        scores,
        reward=keras_attention.rewards.log_likelihood_gain,
        num_samples=2,
        baseline="batch_mean",
    )
    model.compile("sgd", crossentropy())
    x = np.random.default_rng(0).normal(size=(4, 3, 5, 4)).astype("float32")
    x[0, 1:] = 0
    scores = model(x, training=True)
    kept = np.repeat([[1, 0, 0], [1, 1, 1], [1, 1, 1], [1, 1, 1]], 2, axis=0)
    np.testing.assert_array_equal(scores._keras_mask, kept == 1)
    history = model.fit(x, np.ones((4, 3)), verbose=0).history
    assert np.isfinite(list(history.values())).all()


def past_the_attention(inputs, chosen):
    both = [keras.layers.Flatten()(chosen), keras.layers.Flatten()(inputs)]
    return keras.layers.Dense(3)(keras.layers.Concatenate()(both))


def to_an_output(inputs, chosen):
    flat = keras.layers.Flatten()
    return [keras.layers.Dense(3)(flat(x)) for x in (chosen, inputs)]


@pytest.mark.parametrize("outputs", [past_the_attention, to_an_output])
def test_what_goes_past_the_attention_is_an_error(outputs):
    inputs = keras.Input((5, 4))
    encoded = keras.layers.Dense(4)(inputs)
    chosen = layers.ItemWiseHardAttention(units=4)(encoded)
    outputs = outputs(encoded, chosen)
    models.ReinforceModel(inputs, outputs)  # one rollout can
    with pytest.raises(ValueError, match=r"`num_samples=3`.*3 rows for each"):
        models.ReinforceModel(inputs, outputs, num_samples=3)


def test_a_model_inside_another_takes_the_rollouts_of_that(
    make_items_model, items, labels
):
    inner = make_items_model(num_samples=3, baseline="none")
    assert inner(items, training=True).shape == (24, 3)
    given = keras.Input((5, 4))
    for num_samples in (1, 2):
        outer = models.ReinforceModel(
            given, inner(given), num_samples=num_samples
        )
        rows = 8 * num_samples
        assert outer(items, training=True).shape == (rows, 3)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        outer.compile("sgd", loss)
        outer.fit(items, labels, verbose=0)
    assert inner(items, training=True).shape == (24, 3)


class Past(models.ReinforceModel):
    """A subclassed model with a path past its hard attention."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.look = layers.ItemWiseHardAttention(units=4)
        self.classify = keras.layers.Dense(3)

    def call(self, items):
        return self.classify(self.look(items)[:, 0] + items[:, 0])


def test_it_is_an_error_in_a_subclassed_model_too(items, labels):
    model = Past(num_samples=2)
    model.compile("sgd", crossentropy())
    with pytest.raises(ValueError, match=r"`num_samples=2`.*2 rows for each"):
        model.fit(items, labels, verbose=0)


def test_a_batch_that_is_part_of_the_items_is_an_error():
    """Each item an example of its own, then attention over its parts."""
    inputs = keras.Input((5, 4))
    parts = keras.layers.Lambda(lambda x: keras.ops.reshape(x, (-1, 2, 2)))
    chosen = layers.ItemWiseHardAttention(units=4)(parts(inputs))
    whole = keras.layers.Lambda(lambda x: keras.ops.reshape(x, (-1, 10)))
    scores = keras.layers.Dense(3)(whole(chosen))
    with pytest.raises(ValueError, match=r"the batch of the model's inputs, 3"):
        models.ReinforceModel(inputs, scores, num_samples=2)


@pytest.mark.parametrize("num_samples", [0, -1, 2.0, True, "2", None])
def test_a_number_of_samples_that_is_none_is_an_error(
    make_items_model, num_samples
):
    with pytest.raises(ValueError, match=f"`num_samples`.*{num_samples!r}"):
        make_items_model(num_samples=num_samples)


def test_a_model_inside_another_leaves_the_rollouts_to_it(
    make_items_model, items
):
    inner = make_items_model(num_samples=2)
    inputs = keras.Input((5, 4))
    outer = models.ReinforceModel(inputs, inner(inputs), num_samples=3)
    assert outer(items, training=True).shape == (24, 3)
