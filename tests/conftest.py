import keras
import pytest
import tensorflow as tf

# Two devices, for tests of tf.distribute: before TensorFlow initialises.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)


def pytest_configure(config):
    # Keras, when it saves a variable or reads one as an array.
    config.addinivalue_line(
        "filterwarnings",
        "ignore:__array__ implementation doesn't accept a copy keyword"
        ":DeprecationWarning",
    )


@pytest.fixture(autouse=True)
def _same_seed_and_policy_for_every_test():
    keras.utils.set_random_seed(7)
    yield
    keras.config.set_dtype_policy("float32")
