import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import models
from keras_attention.export import export_tflite, in_float32, load_exported


@pytest.fixture(params=["mixed_bfloat16", "mixed_float16"])
def half_model(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    try:
        return models.ram(input_shape=(12, 12, 1), num_glimpses=2)
    finally:
        keras.config.set_dtype_policy(before)


def test_a_float32_model_is_itself(model):
    assert in_float32(model) is model


def test_a_half_precision_model_keeps_its_weights_in_float32(half_model):
    rebuilt = in_float32(half_model)
    dtypes = {layer.compute_dtype for layer in rebuilt._flatten_layers()}
    assert dtypes == {"float32"}
    for old, new in zip(
        half_model.get_weights(), rebuilt.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(old, new)


def test_the_global_policy_stays_what_it_was(half_model):
    before = keras.config.dtype_policy().name
    in_float32(half_model)
    assert keras.config.dtype_policy().name == before


def test_a_half_precision_model_exports_to_tflite(half_model, tmp_path):
    images = np.random.RandomState(0).rand(2, 12, 12, 1).astype("float32")
    file = export_tflite(half_model, tmp_path / "model.tflite")
    found = load_exported(file).predict(images)["probabilities"]
    expected = tf.nn.softmax(in_float32(half_model)(images))
    np.testing.assert_allclose(found, expected, atol=1e-5)


class NoConfig(keras.Model):
    def __init__(self, secret, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(2, dtype="mixed_bfloat16")

    def call(self, images):
        return self.dense(keras.ops.mean(images, axis=(1, 2)))


def test_a_model_that_cannot_be_made_again_is_named():
    model = NoConfig(object(), name="mine")
    model(np.zeros((1, 4, 4, 1), "float32"))
    with pytest.raises(ValueError, match="could not be made again.*'mine'"):
        in_float32(model)
