import keras
import numpy as np
import pytest

import keras_attention
from keras_attention import layers, models


def cell():
    return layers.GlimpseCell(
        layers.GlimpseSensor(4, interpolation="nearest"),
        core=keras.layers.SimpleRNNCell(8, "relu"),
        glimpse_network=layers.GlimpseNetwork(5, 6, 7),
    )


def look(num_glimpses=2, **arguments):
    return layers.RecurrentAttention(
        cell(), num_glimpses, name="look", **arguments
    )


def head():
    return keras.layers.Dense(3, bias_initializer="normal")


def classifier(kind=models.ReinforceModel, **arguments):
    images = keras.Input((9, 8, 1))
    features = keras.layers.BatchNormalization()(look(**arguments)(images))
    return kind(images, head()(features))


@pytest.fixture(scope="module")
def model():
    return classifier(models.ImageClassifier)


@pytest.fixture(scope="module")
def steps(model):
    config = model.get_config()
    steps = models.every_step(model)
    assert model.get_config() == config  # it stays as it was
    return steps


@pytest.fixture
def images():
    return np.random.default_rng(0).random((5, 9, 8, 1), "float32")


def by_hand(model, images):
    """Scores after every step: the oracle."""
    *_, driver, normalize, head = model.layers
    states, scores = driver.cell.initial_states(images), []
    for _ in range(driver.num_glimpses):
        output, states = driver.cell(images, states)
        scores.append(head(normalize(output)))
    return np.stack(scores, axis=1)


def test_each_step_is_the_head_of_the_output_so_far(model, steps, images):
    scores = steps(images)
    assert scores.shape == (5, 2, 3)
    np.testing.assert_allclose(scores, by_hand(model, images), atol=1e-6)
    assert np.abs(scores[:, 0] - scores[:, -1]).max() > 1e-3
    np.testing.assert_array_equal(scores[:, -1], model(images))


def test_a_loop_that_is_not_unrolled(images):
    model = classifier(unroll=False)
    scores = models.every_step(model)(images)
    np.testing.assert_allclose(scores, by_hand(model, images), atol=1e-6)
    np.testing.assert_array_equal(scores[:, -1], model(images))


def test_it_shares_the_weights(model, steps, images):
    before = steps(images)
    saved = model.get_weights()
    model.set_weights([w + 0.1 for w in saved])
    after = steps(images)
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_array_equal(after[:, -1], model(images))
    model.set_weights(saved)
    shared = {id(weight) for weight in model.weights}
    assert {id(weight) for weight in steps.weights} == shared


def nested(images):
    """The driver in a model in a model, the encoder and the head in others."""
    encoder = keras.Sequential([keras.layers.Conv2D(2, 3, padding="same")])
    inside = keras.Sequential([keras.Input((9, 8, 2)), look(), head()])
    around = keras.Input((9, 8, 2))
    outside = keras.Model(around, inside(around))
    return keras.layers.Rescaling(2.0)(outside(encoder(images)))


def with_a_task(images):
    task = keras.layers.GlobalAveragePooling2D()(images)
    return head()(look()(images, task=task))


def of_a_state(images):
    output, _, _ = look(return_state=True)(images, return_attention=True)
    return head()(output)


def without_a_head(images):
    return look()(images)


@pytest.mark.parametrize(
    "graph", [nested, with_a_task, of_a_state, without_a_head]
)
def test_models_of_every_form(images, graph):
    inputs = keras.Input((9, 8, 1))
    model = keras.Model(inputs, graph(inputs))
    steps = models.every_step(model)
    assert type(steps) is type(model)
    scores = steps(images)
    assert scores.shape[:2] == (5, 2)
    np.testing.assert_array_equal(scores[:, -1], model(images))
    assert np.abs(scores[:, 0] - scores[:, -1]).max() > 1e-4


def test_a_sequential_model(images):
    model = keras.Sequential([keras.Input((9, 8, 1)), look(), head()])
    scores = models.every_step(model)(images)
    np.testing.assert_array_equal(scores[:, -1], model(images))


def test_an_image_classifier_takes_uint8_still(model, steps, images):
    assert isinstance(steps, models.ImageClassifier)
    bytes_ = (images * 255).astype("uint8")
    np.testing.assert_array_equal(steps(bytes_)[:, -1], model(bytes_))


def test_a_model_that_answers_at_every_step_is_returned(images):
    inputs = keras.Input((9, 8, 1))
    sequence = look(return_sequences=True)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3)(sequence))
    assert models.every_step(model) is model
    pooled = keras.layers.GlobalAveragePooling1D()(sequence)
    with pytest.raises(ValueError, match=r"output_shape=\(None, 8\)"):
        models.every_step(keras.Model(inputs, pooled))


def test_scopes_reach_it(model, steps, images):
    with keras_attention.record_attention() as attention:
        steps(images)
    assert attention["look"]["location"].shape == (5, 2, 2)
    looked = steps.predict(images, verbose=0)
    with keras_attention.policy(location=[0.5, 0.5]):
        forced = steps.predict(images, verbose=0)
        np.testing.assert_allclose(forced[:, -1], model(images), atol=1e-6)
    assert np.abs(forced - looked).max() > 1e-4


def test_it_saves_and_loads(steps, images, tmp_path):
    steps.save(tmp_path / "steps.keras")
    loaded = keras.models.load_model(tmp_path / "steps.keras")
    np.testing.assert_allclose(loaded(images), steps(images), atol=1e-6)


def test_scores_keep_their_dtype_under_mixed_precision(images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    inputs = keras.Input((9, 8, 1))
    scores = keras.layers.Dense(3, dtype="float32")(look()(inputs))
    model = keras.Model(inputs, scores)
    scores = models.every_step(model)(images)
    assert scores.dtype == "float32"
    np.testing.assert_array_equal(scores[:, -1], model(images))


def no_driver(images):
    return keras.layers.Flatten()(images)


def two_drivers(images):
    other = layers.RecurrentAttention(cell(), 2)
    return keras.layers.add([look()(images), other(images)])


def one_driver_twice(images):
    twice = look()
    return keras.layers.add([twice(images), twice(1 - images)])


def a_head_that_reads_the_image(images):
    return keras.layers.concatenate(
        [look()(images), keras.layers.Flatten()(images)]
    )


def a_head_that_reads_a_state(images):
    output, hidden = look(return_state=True)(images)
    return keras.layers.add([output, hidden])


def along_a_sequence(images):
    video = keras.layers.Reshape((1, 9, 8, 1))(images)
    return layers.RecurrentAttention(cell())(video)


def two_outputs(images):
    output = look()(images)
    return [output, keras.layers.Dense(2)(output)]


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (no_driver, "with 0 calls"),
        (two_drivers, "with 2 calls"),
        (one_driver_twice, "with 2 calls"),
        (a_head_that_reads_the_image, r"depends on \['an_image'\]"),
        (a_head_that_reads_a_state, r"depends on \['look'\]"),
        (along_a_sequence, "num_glimpses=None"),
        (two_outputs, "with 2 outputs"),
    ],
)
def test_what_cannot_be_split_is_an_error(graph, message):
    images = keras.Input((9, 8, 1), name="an_image")
    with pytest.raises(ValueError, match=message):
        models.every_step(keras.Model(images, graph(images)))


class Subclassed(keras.Model):
    """A model without a graph."""

    def call(self, images):
        return images


@pytest.mark.parametrize("model", [Subclassed, keras.Sequential, lambda: "ram"])
def test_a_model_without_a_graph_is_an_error(model):
    with pytest.raises(ValueError, match="The model must be functional"):
        models.every_step(model())


def test_it_learns_from_a_reward_as_the_model_does():
    arguments = {"baseline": "leave_one_out", "num_samples": 2}
    images = keras.Input((9, 8, 1))
    model = models.ReinforceModel(
        images, head()(look()(images)), **arguments, entropy_bonus=0.5
    )
    steps = models.every_step(model).get_config()
    given = {"num_samples": 2, "entropy_bonus": 0.5}
    assert {name: steps[name] for name in given} == given
    sure = models.until_sure(model, 0.5)
    assert sure.num_samples == 1
    assert sure(np.zeros((2, *model.input_shape[1:]), "float32")).shape[0] == 2
