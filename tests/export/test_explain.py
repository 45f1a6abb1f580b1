import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import layers, models, ops, training
from keras_attention.export.explain import Explainer, explainer
from keras_attention.export.serving import serve


def numpy(outputs):
    return {name: value.numpy() for name, value in outputs.items()}


def test_glimpses_are_explained_as_pictures_draw_them(model, images):
    some = images[:4]
    found = numpy(Explainer(model)(tf.constant(some)))
    looked = training.look(model, some)
    for scale in range(2):
        np.testing.assert_allclose(
            found["squares"][:, :, scale], looked.squares(scale), atol=1e-4
        )
    expected = numpy(serve(model, some))
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5)


def test_the_glimpses_are_what_the_sensor_reads(model, images):
    found = numpy(Explainer(model)(tf.constant(images[:2])))
    for time in range(3):
        crops = ops.glimpse(
            images[:2], found["location"][:, time], 8, 2, "nearest"
        )
        np.testing.assert_allclose(found["glimpses"][:, time], crops, atol=1e-6)


def test_the_answer_after_every_glimpse_is_that_of_a_shorter_model(
    model, images
):
    found = numpy(Explainer(model)(tf.constant(images[:2])))
    scores = models.every_step(model)(images[:2])
    expected = tf.nn.softmax(scores).numpy()
    np.testing.assert_allclose(found["step_probabilities"], expected, atol=1e-6)


def soft_model(loop):
    images = keras.Input((12, 16, 1))
    features = keras.layers.Conv2D(4, 5, strides=4, padding="same")(images)
    look = layers.LocationWiseSoftAttention()
    if loop:
        cell = layers.AttentionCell(look, keras.layers.LSTMCell(8))
        seen = layers.RecurrentAttention(cell, num_glimpses=2)(features)
    else:
        seen = look(features)
    return keras.Model(images, keras.layers.Dense(3)(seen))


@pytest.mark.parametrize(("loop", "num_steps"), [(False, 1), (True, 2)])
def test_masks_have_the_size_of_the_image(loop, num_steps):
    model = soft_model(loop)
    images = np.random.uniform(size=(2, 12, 16, 1)).astype("float32")
    found = numpy(Explainer(model)(tf.constant(images)))
    weights = training.look(model, images).masks()  # (2, T, 3, 4)
    assert found["masks"].shape == (2, num_steps, 12, 16)
    # The middle of a cell of 4x4 pixels lies between its inner four.
    middle = found["masks"].reshape(2, num_steps, 3, 4, 4, 4)
    middle = middle[:, :, :, 1:3, :, 1:3].mean(axis=(3, 5))
    inner = (slice(None), slice(None), 1, slice(1, 3))
    np.testing.assert_allclose(middle[inner], weights[inner], atol=0.02)


@pytest.mark.parametrize("num_transforms", [1, 2])
def test_outlines_are_those_that_pictures_draw(num_transforms):
    images = keras.Input((12, 12, 1))
    where = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)])
    crop = layers.SpatialTransformer(
        where, output_shape=(6, 6), num_transforms=num_transforms
    )
    scores = keras.layers.Dense(3)(keras.layers.Flatten()(crop(images)))
    model = keras.Model(images, scores)
    batch = np.random.uniform(size=(2, 12, 12, 1)).astype("float32")
    found = numpy(Explainer(model)(tf.constant(batch)))
    expected = training.look(model, batch).outlines()
    assert found["outlines"].shape == (2, 1, num_transforms, 4, 2)
    np.testing.assert_allclose(found["outlines"], expected, atol=1e-4)


def test_a_model_without_attention_explains_nothing(classifier, examples):
    assert explainer(classifier, tf.constant(examples)) is None


def test_a_model_that_stops_explains_what_it_took(model, images):
    sure = models.until_sure(model, 0.2)
    found = numpy(Explainer(sure)(tf.constant(images[:3])))
    assert "step_probabilities" not in found
    assert found["squares"].shape[:2] == found["location"].shape[:2]
    assert found["num_glimpses"].shape == (3,)


def test_a_loop_whose_steps_are_pooled_answers_at_the_end_alone():
    images = keras.Input((12, 10, 1))
    cell = layers.GlimpseCell(4, core=keras.layers.SimpleRNNCell(8))
    states = layers.RecurrentAttention(cell, 2, return_sequences=True)(images)
    pooled = keras.layers.GlobalAveragePooling1D()(states)
    model = keras.Model(images, keras.layers.Dense(3)(pooled))
    found = numpy(
        explainer(model, tf.zeros((1, 12, 10, 1)))(tf.zeros((2, 12, 10, 1)))
    )
    assert found["squares"].shape == (2, 2, 1, 4)
    assert "step_probabilities" not in found
