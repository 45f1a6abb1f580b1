import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import layers, policy
from keras_attention.export import serving


def two_layers(first, second):
    images = keras.Input((12, 12, 1))
    outputs = [
        layers.RecurrentAttention(
            layers.GlimpseCell(4), num_glimpses=steps, name=name
        )(images)
        for steps, name in ((2, first), (3, second))
    ]
    outputs = keras.layers.concatenate(outputs)
    return keras.Model(images, keras.layers.Dense(4)(outputs))


def test_probabilities_are_the_softmax_of_the_scores(classifier, examples):
    outputs = serving.serve(classifier, examples)
    scores = np.exp(classifier(examples).numpy())
    expected = scores / scores.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(outputs["probabilities"], expected, rtol=1e-5)
    np.testing.assert_array_equal(outputs["class"], expected.argmax(axis=-1))


def test_a_model_without_attention_has_only_its_answer(classifier, examples):
    assert set(serving.serve(classifier, examples)) == {
        "probabilities",
        "class",
    }


def test_locations_are_the_mode_even_inside_a_policy_that_samples(
    model, images
):
    expected = serving.serve(model, images[:2])
    with policy("sample"):
        outputs = serving.serve(model, images[:2])
    np.testing.assert_array_equal(outputs["location"], expected["location"])
    np.testing.assert_array_equal(
        outputs["location"], np.clip(outputs["location_mean"], -1, 1)
    )


def test_given_locations_are_looked_at(model, images):
    location = np.full((2, 3, 2), 0.25, "float32")
    outputs = serving.serve(model, images[:2], location=location)
    np.testing.assert_array_equal(outputs["location"], location)


def test_names_of_several_attention_layers_begin_with_the_layer():
    outputs = serving.serve(
        two_layers("co-ar.se", "fine"), tf.zeros((1, 12, 12, 1))
    )
    assert set(outputs) == {
        "probabilities",
        "class",
        "co_ar_se_location",
        "co_ar_se_location_mean",
        "fine_location",
        "fine_location_mean",
    }
    assert outputs["fine_location"].shape == (1, 3, 2)


def test_layers_that_would_share_a_name_are_refused():
    with pytest.raises(ValueError, match="Two outputs would be named 'a_b_"):
        serving.serve(two_layers("a-b", "a.b"), tf.zeros((1, 12, 12, 1)))


def test_a_model_that_returns_a_map_is_refused():
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 3)]
    )
    with pytest.raises(ValueError, match=r"Received: \(1, 2, 2, 2\)"):
        serving.serve(model, tf.zeros((1, 4, 4, 1)))


def test_a_model_that_returns_several_tensors_is_refused():
    images = keras.Input((4, 4, 1))
    scores = keras.layers.Dense(2)(keras.layers.Flatten()(images))
    model = keras.Model(images, {"a": scores, "b": scores})
    with pytest.raises(ValueError, match="Received: dict"):
        serving.serve(model, tf.zeros((1, 4, 4, 1)))
