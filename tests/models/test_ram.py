import keras
import numpy as np
import pytest

from keras_attention import layers, models


def test_the_defaults_are_the_papers_network():
    model = models.ram()
    assert model.input_shape == (None, 28, 28, 1)
    assert model.output_shape == (None, 10)
    look = model.get_layer("glimpses")
    assert look.num_glimpses == 6
    cell = look.cell
    assert cell.glimpse_sensor.glimpse_size == 8
    assert cell.glimpse_sensor.num_scales == 1
    assert type(cell.core) is keras.layers.SimpleRNNCell
    assert cell.core.units == 256
    assert cell.core.activation is keras.activations.relu
    assert cell.location_network.activation is keras.activations.tanh


@pytest.mark.parametrize(
    ("size", "scales", "channels", "classes"), [(8, 1, 1, 10), (12, 3, 2, 7)]
)
def test_the_number_of_parameters_is_the_papers(
    size, scales, channels, classes
):
    what = size * size * scales * channels * 128 + 128
    where = 2 * 128 + 128
    joined = 128 * 256 + 128 * 256 + 256
    core = 256 * 256 + 256 * 256 + 256
    location = 256 * 2 + 2
    classifier = 256 * classes + classes
    baseline = 256 + 1
    model = models.ram(
        (60, 60, channels),
        num_classes=classes,
        num_glimpses=1,  # they share all parameters
        glimpse_size=size,
        num_scales=scales,
    )
    trained = sum(weight.shape.num_elements() for weight in trained_of(model))
    assert trained == (
        what + where + joined + core + location + classifier + baseline
    )


def trained_of(model):
    return [weight.value for weight in model.trainable_weights]


def test_images_of_any_size():
    model = models.ram((None, None, 1), num_glimpses=2)
    for shape in [(2, 28, 28, 1), (1, 40, 9, 1)]:
        images = np.zeros(shape, "float32")
        assert model.predict(images, verbose=0).shape == (shape[0], 10)


def test_every_part_can_be_chosen():
    core = keras.layers.LSTMCell(8)
    glimpse_network = layers.GlimpseNetwork(4, 5, 6)
    location_network = keras.layers.Dense(2)
    model = models.ram(
        (9, 8, 3),
        num_classes=7,
        num_glimpses=3,
        glimpse_size=4,
        num_scales=2,
        stddev=0.3,
        core=core,
        glimpse_network=glimpse_network,
        location_network=location_network,
        interpolation="bilinear",
        name="mine",
        baseline="leave_one_out",
        num_samples=4,
        policy_weight=0.5,
    )
    assert model.name == "mine"
    assert model.num_samples == 4
    assert model.policy_weight == 0.5
    cell = model.get_layer("glimpses").cell
    assert cell.core is core
    assert cell.glimpse_network is glimpse_network
    assert cell.location_network is location_network
    assert cell.glimpse_sensor.interpolation == "bilinear"
    assert float(cell.location_policy.stddev) == np.float32(0.3)
    assert model(np.zeros((1, 9, 8, 3), "float32")).shape == (1, 7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"glimpse_size": 30}, "glimpse_size=30, images.shape="),
        ({"num_scales": 0}, "num_scales=0"),
        ({"num_glimpses": 0}, "num_glimpses=0"),
        ({"stddev": 0.0}, "stddev=0.0"),
        ({"interpolation": "cubic"}, "interpolation='cubic'"),
    ],
)
def test_sizes_that_do_not_fit_are_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.ram(**arguments)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_scores_are_float32_under_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    model = models.ram(num_glimpses=2)
    scores = model(np.zeros((2, 28, 28, 1), "uint8"))
    assert scores.dtype == "float32"
