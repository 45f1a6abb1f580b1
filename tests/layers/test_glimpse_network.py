import keras
import numpy as np

from keras_attention import layers


def test_it_is_the_equation_of_the_paper():
    generator = np.random.default_rng(0)
    glimpse = generator.normal(size=(2, 3, 3, 2)).astype("float32")
    location = generator.normal(size=(2, 2)).astype("float32")
    network = layers.GlimpseNetwork(4, 5, 6)
    network(glimpse, location)
    network.set_weights(
        [generator.normal(size=weight.shape) for weight in network.weights]
    )
    output = network(glimpse, location)
    w = {tuple(weight.shape): weight.numpy() for weight in network.weights}
    what = np.maximum(glimpse.reshape(2, -1) @ w[18, 4] + w[4,], 0)
    where = np.maximum(location @ w[2, 5] + w[5,], 0)
    # The paper's sum of a linear map of what and a linear map of where.
    from_what, from_where = np.split(w[9, 6], [4])
    joined = what @ from_what + where @ from_where + w[6,]
    np.testing.assert_allclose(output, np.maximum(joined, 0), rtol=1e-4)


def test_the_defaults_are_the_papers_widths():
    network = layers.GlimpseNetwork()
    network.build((None, 8, 8, 1), (None, 2))
    kernels = [
        tuple(weight.shape)
        for weight in network.weights
        if weight.path.endswith("kernel")
    ]
    assert sorted(kernels) == [(2, 128), (64, 128), (256, 256)]
    assert len(network.weights) == 6


def test_a_layer_of_the_users_own_can_read_the_glimpse(tmp_path):
    what = keras.Sequential(
        [keras.layers.Conv2D(3, 2, activation="relu"), keras.layers.Flatten()]
    )
    inputs = [keras.Input((4, 4, 1)), keras.Input((2,))]
    outputs = layers.GlimpseNetwork(units=6, what=what)(*inputs)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    values = [np.ones((2, 4, 4, 1), "float32"), np.ones((2, 2), "float32")]
    assert model(values).shape == (2, 6)
    np.testing.assert_array_equal(again(values), model(values))
