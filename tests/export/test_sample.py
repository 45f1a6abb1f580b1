import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import layers
from keras_attention.export import sample as sampling
from keras_attention.export.serving import serve


def chooses_one_of(num_items):
    """A model that looks at one of its columns."""
    images = keras.Input((4, num_items, 1))
    items = keras.layers.Permute((2, 1))(
        keras.layers.Reshape((4, num_items))(images)
    )
    chosen = layers.ItemWiseHardAttention(1)(items)
    scores = keras.layers.Dense(2)(keras.layers.Flatten()(chosen))
    return keras.Model(images, scores)


def test_items_are_drawn_as_often_as_their_weights_say():
    model = chooses_one_of(3)
    images = tf.constant(np.random.normal(size=(1, 4, 3, 1)), "float32")
    weights = serve(model, images)["attention_weights"].numpy()[0]
    count = 4000
    width = sampling.num_numbers(model, images)
    assert width == 3
    noise = np.random.default_rng(1).random((count, width), dtype="float32")
    found = sampling.sample(
        model, tf.repeat(images, count, axis=0), tf.constant(noise)
    )
    shares = np.bincount(found["indices"].numpy()[:, 0], minlength=3) / count
    # Four standard deviations of a binomial share.
    np.testing.assert_allclose(shares, weights, atol=4 * np.sqrt(0.25 / count))


def test_a_sample_has_the_outputs_of_the_mode(model, images):
    some = tf.constant(images[:2])
    width = sampling.num_numbers(model, some)
    assert width == 3 * 2 * 2  # glimpses, coordinates, two for a normal
    found = sampling.sample(model, some, tf.fill((2, width), 0.3))
    assert set(found) == set(serve(model, some))
    assert np.any(found["location"] != serve(model, some)["location"])


def test_numbers_whose_noise_is_zero_give_the_mode(model, images):
    some = tf.constant(images[:2])
    # cos(2 pi / 4) = 0
    numbers = tf.fill((2, sampling.num_numbers(model, some)), 0.25)
    found = sampling.sample(model, some, numbers)
    for name, value in serve(model, some).items():
        np.testing.assert_allclose(found[name], value, atol=1e-5)


def test_a_model_without_hard_attention_takes_none(classifier, examples):
    assert sampling.num_numbers(classifier, tf.constant(examples)) == 0


def test_too_few_numbers_are_refused(model, images):
    with pytest.raises(ValueError, match="must have at least 12 columns"):
        sampling.sample(model, tf.constant(images[:1]), tf.fill((1, 3), 0.5))
