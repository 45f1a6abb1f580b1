import keras
import numpy as np
import pytest

from keras_attention import layers, training

IMAGES = np.zeros((2, 8, 8, 1), "float32")


def cell(policy):
    look = layers.LocationWiseHardAttention(4, location_policy=policy)
    return layers.AttentionCell(look, keras.layers.GRUCell(3))


def alone(policy):
    image, query = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    look = layers.LocationWiseHardAttention(4, location_policy=policy)
    glimpse = look(image, keras.layers.Flatten()(query))
    output = keras.layers.GlobalAveragePooling2D()(glimpse)
    model = keras.Model([image, query], output)
    inputs = keras.Input((8, 8, 1))
    return inputs, model([inputs, inputs])


def in_the_loop(policy):
    inputs = keras.Input((8, 8, 1))
    return inputs, layers.RecurrentAttention(cell(policy), 2)(inputs)


def in_a_glimpse_cell(policy):
    inputs = keras.Input((8, 8, 1))
    look = layers.GlimpseCell(4, location_policy=policy)
    return inputs, layers.RecurrentAttention(look, 2)(inputs)


def in_a_loop_of_keras(policy):
    inputs = keras.Input((8, 8, 1))
    video = keras.layers.Reshape((1, 8, 8, 1))(inputs)
    return inputs, keras.layers.RNN(cell(policy))(video)


def nested(policy):
    inputs = keras.Input((8, 8, 1))
    inner = keras.Model(*in_the_loop(policy))
    return inputs, keras.Sequential([inner, keras.layers.Dense(3)])(inputs)


PLACES = pytest.mark.parametrize(
    "place", [alone, in_the_loop, in_a_glimpse_cell, in_a_loop_of_keras, nested]
)


class Deviations(keras.callbacks.Callback):
    """Reads the deviation of a policy in every epoch."""

    def __init__(self, policy):
        super().__init__()
        self.policy = policy
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(self.policy.stddev.numpy())


def fit(place, policy, epochs=3):
    inputs, output = place(policy)
    output = keras.layers.Dense(1)(output)
    model = keras.Model(inputs, output)
    model.compile("sgd", "mse", run_eagerly=True)
    deviations = Deviations(policy)
    schedule = training.StddevSchedule(0.4, 0.1, epochs=3)
    model.fit(
        IMAGES,
        np.zeros(2),
        epochs=epochs,
        verbose=0,
        callbacks=[schedule, deviations],
    )
    return np.array(deviations.seen)


@PLACES
# The network of the location does not learn from this loss.
@pytest.mark.filterwarnings("ignore:Gradients do not exist:UserWarning")
def test_the_deviation_falls_wherever_the_policy_is(place):
    seen = fit(place, layers.GaussianLocationPolicy(), epochs=5)
    expected = [0.4, 0.2, 0.1, 0.1, 0.1]  # as in the last, after its 3 epochs
    np.testing.assert_allclose(seen, expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:Gradients do not exist:UserWarning")
def test_two_deviations_keep_their_ratio():
    seen = fit(in_the_loop, layers.GaussianLocationPolicy((0.1, 0.4)))
    expected = [[0.2, 0.8], [0.1, 0.4], [0.05, 0.2]]
    np.testing.assert_allclose(seen, expected, rtol=1e-5)


@pytest.mark.parametrize(("first", "last"), [(0.2, 0.0), (0.0, 0.2)])
def test_a_deviation_of_0_is_refused(first, last):
    with pytest.raises(ValueError, match=f"first={first}, last={last}"):
        training.StddevSchedule(first, last, epochs=3)


def learned():
    return layers.GaussianLocationPolicy(0.3, learned_stddev=True)


@pytest.mark.parametrize(
    "policy", [learned, lambda: layers.GridLocationPolicy(2, 2)]
)
def test_a_model_without_a_deviation_to_set_is_an_error(policy):
    with pytest.raises(ValueError, match="`StddevSchedule`.*model='"):
        fit(in_the_loop, policy())
