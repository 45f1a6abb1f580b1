import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention.layers.spatial_transformer import SpatialTransformer

TRANSFORMS = (
    "translation",
    "attention",
    "rotation",
    "similarity",
    "affine",
    "projective",
    "thin_plate_spline",
)
IMAGES = np.random.default_rng(0).random((3, 8, 9, 2), "float32")
every_transform = pytest.mark.parametrize("transform", TRANSFORMS)
every_kind_of_theta = pytest.mark.parametrize(
    "transform", ["similarity", "affine", "projective", "thin_plate_spline"]
)


def transformer(transform="affine", output_shape=(4, 5), **arguments):
    localization = keras.Sequential(
        [keras.layers.Flatten(), keras.layers.Dense(4, "tanh")]
    )
    return SpatialTransformer(
        localization, output_shape, transform, num_control_points=3, **arguments
    )


def trained(layer, inputs=IMAGES, spread=0.1):
    """The layer, with a regression that depends on what it reads."""
    layer(inputs)
    generator = np.random.default_rng(2)
    for weight in (layer.regression.kernel, layer.regression.bias):
        weight.assign_add(generator.normal(0, spread, weight.shape))
    return layer


@every_transform
def test_the_gradient_to_the_parameters_equals_finite_differences(transform):
    ramp = np.linspace(0, 1, 72, dtype="float32").reshape(1, 8, 9, 1)
    layer = trained(transformer(transform), ramp, spread=0.02)
    bias = layer.regression.bias
    bias.assign(bias * 0.7 + 0.02)  # inside, where a ramp has no kinks
    weights = np.random.default_rng(3).normal(size=(1, 4, 5, 1))
    with tf.GradientTape() as tape:
        crop = layer(ramp)
    gradient = tape.gradient(crop, bias.value, tf.constant(weights, tf.float32))
    start, changes = bias.numpy(), []
    for step in np.eye(len(start)) * 1e-2:
        values = []
        for place in (start + step, start - step):
            bias.assign(place)
            values.append(np.sum(layer(ramp).numpy() * weights))
        changes.append((values[0] - values[1]) / 2e-2)
    np.testing.assert_allclose(gradient, changes, atol=5e-3)


def gradient_to_bias(layer):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(IMAGES) ** 2)
    return tape.gradient(loss, layer.regression.bias.value).numpy()


def test_localization_gradient_is_a_factor():
    layers = [transformer(localization_gradient=f) for f in (1, 0.1, 0)]
    whole, tenth, none = (gradient_to_bias(layer) for layer in layers)
    np.testing.assert_allclose(tenth, 0.1 * whole, rtol=1e-5)
    np.testing.assert_array_equal(none, np.zeros(6))


FALLOFF = np.exp(-2 * np.linspace(-1, 1, 15, dtype="float32") ** 2)
BLOB = np.outer(FALLOFF, FALLOFF)[None, :, :, None]


def teacher(layer):
    """A function that teaches to run away, or to see much of a blob."""
    layer(BLOB)
    bias = layer.regression.bias.value

    @tf.function
    def step(run_away):
        with tf.GradientTape() as tape:
            crop, attention = layer(BLOB, return_attention=True)
            large_and_far = tf.reduce_sum(attention["theta"])
            seen = tf.reduce_mean(crop)
            loss = -tf.where(run_away, large_and_far, 10 * seen)
        gradient = tape.gradient(loss, bias)
        bias.assign_sub(0.1 * gradient)
        return seen, gradient

    def teach(run_away):
        for _ in range(100):
            seen, gradient = step(tf.constant(run_away))
        return seen.numpy(), gradient.numpy()

    return teach


@pytest.mark.parametrize(
    "transform",
    ["translation", "attention", "similarity", "affine", "thin_plate_spline"],
)
def test_a_crop_runs_away_for_good_and_bounds_hold_it(transform):
    free = teacher(transformer(transform, (4, 4)))
    assert free(run_away=True)[0] == 0
    seen, gradient = free(run_away=False)
    assert seen == 0
    np.testing.assert_array_equal(gradient, np.zeros_like(gradient))
    held = teacher(transformer(transform, (4, 4), bounds=(0.5, 1.2)))
    away = held(run_away=True)[0]
    assert away > 0.02
    assert held(run_away=False)[0] > 1.3 * away


def blobs(places, size=13):
    """Images of a blob at each (x, y)."""
    axis = np.linspace(-1, 1, size)
    columns, rows = (
        np.exp(-6 * (axis - places[:, i, None]) ** 2) for i in (0, 1)
    )
    return (rows[:, :, None] * columns[:, None, :])[..., None].astype("float32")


def test_it_learns_to_centre_what_is_bright():
    places = np.random.default_rng(0).uniform(-0.5, 0.5, (64, 2))
    images, centred = blobs(places), blobs(np.zeros((64, 2)))
    layer = transformer("translation", (13, 13))
    inputs = keras.Input((13, 13, 1))
    model = keras.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    batch = tf.data.Dataset.from_tensors((images, centred))
    model.fit(batch.repeat(80), shuffle=False, verbose=0)
    _, attention = layer(images, return_attention=True)
    errors = np.abs(attention["location"] - places)
    assert np.abs(places).mean() > 0.2
    assert errors.mean() < 0.05


@every_kind_of_theta
def test_eager_graph_xla_and_a_file_are_the_same(transform, tmp_path):
    inputs = keras.Input((8, 9, 2))
    layer = trained(transformer(transform, num_transforms=2, bounds=(0.1, 2)))
    model = keras.Model(inputs, layer(inputs, return_attention=True))
    expected = keras.tree.flatten(layer(IMAGES, return_attention=True))
    model.save(tmp_path / "model.keras")
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    others = [
        tf.function(model),
        tf.function(model, jit_compile=True),
        keras.models.load_model(tmp_path / "model.keras"),
        clone,
    ]
    for other in others:
        outputs = keras.tree.flatten(other(IMAGES))
        for output, same in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(output, same, atol=1e-5)


def test_building_again_keeps_what_was_learned():
    layer = trained(transformer())
    expected = layer(IMAGES)
    layer.build(IMAGES.shape)
    np.testing.assert_array_equal(layer(IMAGES), expected)
    assert len(layer.weights) == 4


def test_a_config_is_not_changed_by_reading_it():
    config = transformer(bounds=[0.1, 2]).get_config()
    given = dict(config)
    again = SpatialTransformer.from_config(given)
    assert given == config
    assert again.get_config() == config


@every_kind_of_theta
def test_it_converts_to_builtins_of_tflite(transform, convert):
    layer = trained(transformer(transform, num_transforms=2, bounds=(0.1, 2)))
    look = tf.function(lambda images: {"crops": layer(images)})
    images = tf.TensorSpec((None, 8, 9, 2), name="images")
    run = convert(look.get_concrete_function(images), layer.variables)
    for batch in (1, 3):
        crops = run(images=IMAGES[:batch])["crops"]
        np.testing.assert_allclose(crops, layer(IMAGES[:batch]), atol=1e-5)
