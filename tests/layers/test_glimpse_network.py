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
    w = {
        weight.path.split("/", 1)[1]: weight.numpy()
        for weight in network.weights
    }

    def dense(name, x):
        return x @ w[f"{name}/kernel"] + w[f"{name}/bias"]

    what = np.maximum(dense("what", glimpse.reshape(2, -1)), 0)
    where = np.maximum(dense("where", location), 0)
    # The paper's sum of a linear map of what and a linear map of where.
    from_what, from_where = np.split(w["joined/kernel"], [4])
    joined = what @ from_what + where @ from_where + w["joined/bias"]
    np.testing.assert_allclose(output, np.maximum(joined, 0), rtol=1e-4)


def test_the_defaults_are_the_papers_widths():
    network = layers.GlimpseNetwork()
    network.build((None, 8, 8, 1), (None, 2))
    shapes = [weight.shape for weight in network.weights]
    assert shapes == [
        (64, 128),
        (128,),
        (2, 128),
        (128,),
        (256, 256),
        (256,),
    ]
