import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import models
from keras_attention.models.baseline import expected_rewards

QUERIES = {
    "one": np.random.default_rng(0).random((3, 4, 5), "float32"),
    "other": np.random.default_rng(1).random((3, 2, 8), "float32"),
}


def test_it_is_linear_in_each_query():
    baseline = models.LearnedBaseline()
    expected = baseline(QUERIES)
    for name, query in QUERIES.items():
        head = baseline.heads[name]
        by_hand = query @ head.kernel.numpy()[:, 0] + head.bias.numpy()
        np.testing.assert_allclose(expected[name], by_hand, atol=1e-6)


def test_no_gradient_reaches_the_query():
    queries = {name: tf.constant(query) for name, query in QUERIES.items()}
    with tf.GradientTape() as tape:
        tape.watch(queries)
        outputs = models.LearnedBaseline()(queries)
    assert tape.gradient(outputs, queries) == {"one": None, "other": None}


class Squares(keras.layers.Layer):
    """A baseline of one's own, that lets gradients pass."""

    def __init__(self, keepdims=False):
        super().__init__()
        self.keepdims = keepdims

    def call(self, queries):
        return {
            name: tf.reduce_sum(query**2, axis=-1, keepdims=self.keepdims)
            for name, query in queries.items()
        }


def expected_of(baseline, queries):
    zeros = {name: tf.zeros(query.shape[:2]) for name, query in queries.items()}
    return expected_rewards(baseline, queries, returns=zeros, counts=zeros)


def test_no_gradient_passes_a_layer_of_ones_own():
    queries = {name: tf.constant(query) for name, query in QUERIES.items()}
    with tf.GradientTape() as tape:
        tape.watch(queries)
        found = expected_of(Squares(), queries)
    assert tape.gradient(found, queries) == {"one": None, "other": None}
    for name, query in QUERIES.items():
        by_hand = (query**2).sum(axis=-1)
        np.testing.assert_allclose(found[name], by_hand, rtol=1e-5)


def test_it_expects_one_reward_of_each_choice():
    message = r"=\(3, 4\) for 'one'. Received: shape=\(3, 4, 1\)"
    with pytest.raises(ValueError, match=message):
        expected_of(Squares(keepdims=True), QUERIES)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_shapes_and_dtypes_are_known_beforehand(policy):
    keras.config.set_dtype_policy(policy)
    inputs = {
        name: keras.Input(query.shape[1:]) for name, query in QUERIES.items()
    }
    outputs = models.LearnedBaseline()(inputs)
    assert {name: output.shape for name, output in outputs.items()} == {
        "one": (None, 4),
        "other": (None, 2),
    }
    actual = models.LearnedBaseline()(QUERIES)
    for name in QUERIES:
        assert outputs[name].dtype == actual[name].dtype == "float32"


def test_a_file_keeps_it(tmp_path):
    inputs = {
        name: keras.Input(query.shape[1:], name=name)
        for name, query in QUERIES.items()
    }
    model = keras.Model(inputs, models.LearnedBaseline()(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for name, output in model(QUERIES).items():
        np.testing.assert_array_equal(again(QUERIES)[name], output)
