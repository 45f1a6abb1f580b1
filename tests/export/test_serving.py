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


def test_an_unbuilt_model_is_refused():
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="`model` was never called"):
        serving.checked_input_shape(model, (6, 6, 1))


def test_what_is_not_a_model_is_refused():
    with pytest.raises(ValueError, match=r"must be a keras.Model\. Received"):
        serving.checked_input_shape("ram")


@pytest.mark.parametrize("shape", [(5,), (4, 4), (4, 4, 4, 1)])
def test_a_model_of_no_images_is_refused(shape):
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten()])
    with pytest.raises(ValueError, match="must have one input, images"):
        serving.checked_input_shape(model)


def test_a_model_of_two_inputs_is_refused():
    inputs = [keras.Input((4, 4, 1)), keras.Input((4, 4, 1))]
    model = keras.Model(inputs, keras.layers.add(inputs))
    with pytest.raises(ValueError, match="must have one input, images"):
        serving.checked_input_shape(model)


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


def test_an_open_side_must_be_given():
    model = keras.Sequential(
        [
            keras.Input((None, None, 1)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    with pytest.raises(ValueError, match="where the model leaves a side open"):
        serving.checked_input_shape(model)
    assert serving.checked_input_shape(model, (6, 7, 1)) == (6, 7, 1)


def test_a_shape_that_does_not_fit_is_refused(classifier):
    with pytest.raises(ValueError, match="must fit the model"):
        serving.checked_input_shape(classifier, (7, 6, 1))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, images):
        return self.dense(keras.ops.mean(images, axis=(1, 2)))


def test_a_subclassed_model_knows_its_shape_once_it_was_called():
    model = Subclassed()
    model(np.zeros((2, 5, 6, 1), "float32"))
    assert serving.checked_input_shape(model) == (5, 6, 1)
