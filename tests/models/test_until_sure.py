import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models


def make_model():
    """A model that is sure of some images early, of some never."""
    cell = layers.GlimpseCell(
        layers.GlimpseSensor(4, interpolation="nearest"),
        core=keras.layers.SimpleRNNCell(8),
        glimpse_network=layers.GlimpseNetwork(5, 6, 7),
        location_policy=layers.GaussianLocationPolicy(0.3, seed=3),
    )
    look = layers.RecurrentAttention(cell, 3, name="look")
    head = keras.layers.Dense(3, kernel_initializer=spread(), name="head")
    images = keras.Input((9, 8, 1))
    return models.ImageClassifier(images, head(look(images)))


def spread():
    return keras.initializers.RandomNormal(0, 2, seed=1)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(7)  # earlier than that of a test
    return make_model()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((40, 9, 8, 1), "float32")


def looked(model, images, **arguments):
    with keras_attention.record_attention() as attention:
        scores = model(images, **arguments)
    (attention,) = attention.values()
    return scores.numpy(), {k: v.numpy() for k, v in attention.items()}


def probabilities(scores):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def steps(model, images):
    """Scores after every glimpse, and what was attended to: the oracle."""
    return looked(models.every_step(model), images)


@pytest.fixture(scope="module")
def threshold(steps):
    """Between two of the probabilities, as far from each as can be."""
    highest = np.sort(probabilities(steps[0]).max(axis=-1), axis=None)
    highest = highest[(highest > 0.68) & (highest < 0.72)]
    widest = np.diff(highest).argmax()
    return float(highest[widest : widest + 2].mean())


@pytest.fixture(scope="module")
def sure(model, threshold):
    return models.until_sure(model, threshold)


def stops(scores, threshold):
    """The number of glimpses that each example takes, in NumPy."""
    highest = probabilities(scores).max(axis=-1)
    counts = []
    for example in highest:
        count = 1
        while count < len(example) and example[count - 1] < threshold:
            count += 1
        counts.append(count)
    return np.array(counts)


def test_each_example_stops_where_it_is_sure(sure, images, steps, threshold):
    expected = stops(steps[0], threshold)
    assert set(expected) == {1, 2, 3}  # or the test would show little
    scores, attention = looked(sure, images)
    np.testing.assert_array_equal(attention["num_glimpses"], expected)
    assert attention["num_glimpses"].dtype == "int32"
    at_stop = steps[0][np.arange(40), expected - 1]
    np.testing.assert_allclose(scores, at_stop, atol=1e-6)
    graph = sure.predict(images, batch_size=40, verbose=0)
    np.testing.assert_allclose(graph, at_stop, atol=1e-5)


def test_what_is_not_looked_at_repeats_the_last(sure, images, steps, threshold):
    counts = stops(steps[0], threshold)
    _, attention = looked(sure, images)
    assert set(attention) == {*steps[1], "num_glimpses"}
    for name, every in steps[1].items():
        for found, whole, count in zip(
            attention[name], every, counts, strict=True
        ):
            expected = whole.copy()
            chosen = name in ("log_prob", "entropy")
            expected[count:] = 0 if chosen else whole[count - 1]
            np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=name)


def test_glimpses_that_are_not_taken_are_not_in_the_metrics(
    model, images, steps, threshold
):
    plain = models.ReinforceModel(model.inputs, model.outputs)
    sure = models.until_sure(plain, threshold)
    sure.compile(loss="mse")
    shown = sure.evaluate(
        images, np.zeros((40, 1)), batch_size=40, verbose=0, return_dict=True
    )
    taken = np.arange(3) < stops(steps[0], threshold)[:, None]
    np.testing.assert_allclose(
        shown["policy_entropy"], steps[1]["entropy"][taken].mean(), rtol=1e-5
    )


def test_an_answer_does_not_depend_on_the_rest_of_the_batch(sure, images):
    together, attention = looked(sure, images)
    for i in range(0, 40, 8):
        alone, attention_alone = looked(sure, images[i : i + 1])
        np.testing.assert_allclose(alone[0], together[i], atol=1e-5)
        for name, value in attention_alone.items():
            np.testing.assert_allclose(value[0], attention[name][i], atol=1e-5)


def test_with_a_threshold_of_1_it_is_the_model(model, images):
    # Scores so far apart that rounding makes the probability 1.
    *_, head = model.layers
    kernel, bias = head.get_weights()
    head.set_weights([1000 * kernel, bias])
    scores, attention = looked(models.until_sure(model, 1), images)
    head_scores = model(images)
    head.set_weights([kernel, bias])
    assert probabilities(scores).max() == 1
    np.testing.assert_array_equal(attention["num_glimpses"], 3)
    np.testing.assert_array_equal(scores, head_scores)


def test_in_training_it_takes_all_glimpses(model, sure, images):
    with keras_attention.policy("center"):
        scores, attention = looked(sure, images, training=True)
        np.testing.assert_array_equal(scores, model(images))
    np.testing.assert_array_equal(attention["num_glimpses"], 3)


def test_sampled_glimpses_end_early_too(sure, images):
    with keras_attention.policy("sample"):
        _, attention = looked(sure, images)
        _, again = looked(sure, images)
    counts = attention["num_glimpses"]
    assert len(set(counts)) > 1
    assert np.abs(attention["location"] - again["location"]).max() > 0.1
    taken = np.arange(3) < counts[:, None]
    np.testing.assert_array_equal(attention["log_prob"] != 0, taken)


@keras.saving.register_keras_serializable("tests")
class CountingCell(keras.layers.SimpleRNNCell):
    """Counts how often it steps, in graphs too."""

    def build(self, shape):
        super().build(shape)
        self.count = tf.Variable(0)

    def call(self, *args, **kwargs):
        self.count.assign_add(1)
        return super().call(*args, **kwargs)


@pytest.mark.parametrize("graph", [False, True])
def test_steps_that_are_not_needed_are_not_computed(graph):
    core = CountingCell(8)
    inputs = keras.Input((6, 2))
    cell = layers.AttentionCell(layers.ItemWiseSoftAttention(), core)
    output = layers.RecurrentAttention(cell, 5)(inputs)
    head = keras.layers.Dense(3, kernel_initializer=spread())
    model = keras.Model(inputs, head(output))
    items = np.random.default_rng(1).normal(size=(30, 6, 2)).astype("float32")
    counts = stops(models.every_step(model)(items).numpy(), 0.9)
    early, late = np.flatnonzero(counts == 1), np.flatnonzero(counts == 5)
    sure = models.until_sure(model, 0.9)
    look = tf.function(sure) if graph else sure
    look(items[:1])  # traces
    for batch, expected in [
        (early[:1], 1),
        (early, 1),
        (late[:1], 5),
        ([*early, late[0]], 5),
    ]:
        core.count.assign(0)
        look(items[batch])
        assert core.count.numpy() == expected


def test_it_shares_the_weights_and_is_what_the_model_is(model, sure, images):
    assert isinstance(sure, models.ImageClassifier)
    shared = {id(weight) for weight in model.weights}
    assert {id(weight) for weight in sure.weights} == shared
    bytes_ = (images * 255).astype("uint8")
    np.testing.assert_allclose(
        sure(bytes_), sure(bytes_ / np.float32(255)), atol=1e-6
    )


def test_it_saves_and_loads(sure, images, tmp_path):
    sure.save(tmp_path / "sure.keras")
    loaded = keras.models.load_model(tmp_path / "sure.keras")
    scores, attention = looked(sure, images)
    scores_loaded, attention_loaded = looked(loaded, images)
    np.testing.assert_allclose(scores_loaded, scores, atol=1e-6)
    np.testing.assert_array_equal(
        attention_loaded["num_glimpses"], attention["num_glimpses"]
    )


@pytest.mark.parametrize("threshold", [0, -0.5, 1.01, np.nan, "0.9", True])
def test_a_threshold_that_is_no_probability_is_an_error(model, threshold):
    with pytest.raises(ValueError, match="Received: threshold="):
        models.until_sure(model, threshold)


def test_a_threshold_may_be_a_number_of_numpy(model):
    [loop] = [
        layer
        for layer in models.until_sure(model, np.float32(0.5)).layers
        if isinstance(layer, layers.UntilSure)
    ]
    assert loop.threshold == 0.5


def test_a_model_that_reads_all_steps_is_an_error():
    items = keras.Input((6, 2))
    cell = layers.AttentionCell(
        layers.ItemWiseSoftAttention(), keras.layers.SimpleRNNCell(8)
    )
    look = layers.RecurrentAttention(cell, 2, return_sequences=True)
    model = keras.Model(items, keras.layers.Dense(3)(look(items)))
    with pytest.raises(ValueError, match="return_sequences=True"):
        models.until_sure(model, 0.9)


def test_a_model_that_stops_already_is_an_error(sure):
    for make in (models.every_step, lambda m: models.until_sure(m, 0.5)):
        with pytest.raises(ValueError, match="with 0 calls"):
            make(sure)
