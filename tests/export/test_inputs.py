import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention.export import inputs


def test_by_default_any_number_of_float_images_is_taken(classifier):
    spec = inputs.checked_spec(classifier)
    assert spec == tf.TensorSpec((None, 6, 6, 1), "float32", "image")


def test_a_batch_and_a_dtype_can_be_chosen(classifier):
    given = tf.TensorSpec((1, 6, 6, 1), "uint8")
    spec = inputs.checked_spec(classifier, given)
    assert spec == tf.TensorSpec((1, 6, 6, 1), "uint8", "image")


@pytest.mark.parametrize("dtype", ["int32", "float16", "float64"])
def test_other_dtypes_are_refused(classifier, dtype):
    given = tf.TensorSpec((None, 6, 6, 1), dtype)
    with pytest.raises(ValueError, match=f"Received: {dtype}"):
        inputs.checked_spec(classifier, given)


@pytest.mark.parametrize("shape", [(6, 6, 1), (None, 6, 6, None)])
def test_a_spec_of_no_images_is_refused(classifier, shape):
    with pytest.raises(ValueError, match="must be that of images"):
        inputs.checked_spec(classifier, tf.TensorSpec(shape))


def test_uint8_stands_for_0_to_255():
    pixels = tf.constant([0, 51, 255], "uint8")
    np.testing.assert_allclose(inputs.floating(pixels), [0, 0.2, 1], rtol=1e-6)


def test_an_example_fits_a_spec_with_free_sides():
    spec = tf.TensorSpec((None, None, 7, 3), "uint8")
    example = inputs.example_of(spec)
    assert spec.shape.is_compatible_with(example.shape)
    assert example.dtype == tf.uint8


def test_an_unbuilt_model_is_refused():
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="`model` was never called"):
        inputs.checked_spec(model)


def test_what_is_not_a_model_is_refused():
    with pytest.raises(ValueError, match=r"must be a keras.Model\. Received"):
        inputs.checked_spec("ram")


@pytest.mark.parametrize("shape", [(5,), (4, 4), (4, 4, 4, 1)])
def test_a_model_of_no_images_is_refused(shape):
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten()])
    with pytest.raises(ValueError, match="must have one input, images"):
        inputs.checked_spec(model)


def test_a_model_of_two_inputs_is_refused():
    images = [keras.Input((4, 4, 1)), keras.Input((4, 4, 1))]
    model = keras.Model(images, keras.layers.add(images))
    with pytest.raises(ValueError, match="must have one input, images"):
        inputs.checked_spec(model)


def test_an_open_side_must_be_given():
    model = keras.Sequential(
        [
            keras.Input((None, None, 1)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    with pytest.raises(ValueError, match="leaves a side of its images open"):
        inputs.checked_spec(model)
    for side in (6, None):
        spec = tf.TensorSpec((None, side, 7, 1))
        assert inputs.checked_spec(model, spec).shape[1:] == (side, 7, 1)


def test_a_shape_that_does_not_fit_is_refused(classifier):
    for shape in ((None, 7, 6, 1), (None, None, 6, 1)):
        with pytest.raises(ValueError, match="must fit the model"):
            inputs.checked_spec(classifier, tf.TensorSpec(shape))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, images):
        return self.dense(keras.ops.mean(images, axis=(1, 2)))


def test_a_subclassed_model_knows_its_shape_once_it_was_called():
    model = Subclassed()
    model(np.zeros((2, 5, 6, 1), "float32"))
    assert inputs.checked_spec(model).shape == (None, 5, 6, 1)
