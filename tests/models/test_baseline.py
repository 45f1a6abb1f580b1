import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import models

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
