import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_attention
from keras_attention import layers, ops
from keras_attention.layers.mechanism import Mechanism

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.random((3, 9, 8, 2), "float32")
QUERY = GENERATOR.normal(size=(3, 5)).astype("float32")


def gaussian(**arguments):
    return layers.GaussianLocationPolicy(0.3, seed=1, **arguments)


def grid():
    return layers.GridLocationPolicy(3, 4, seed=1)


def make(policy=None, **arguments):
    return layers.LocationWiseHardAttention(
        layers.GlimpseSensor(4, 2),
        location_policy=policy or gaussian(),
        **arguments,
    )


POLICIES = pytest.mark.parametrize(
    "policy",
    [gaussian, lambda: gaussian(bound="truncate"), grid],
    ids=["clip", "truncate", "grid"],
)


@POLICIES
def test_the_glimpse_is_the_crop_around_the_sampled_place(policy):
    look = make(policy())
    assert isinstance(look, Mechanism)
    glimpse, attention = look(
        IMAGES, QUERY, training=True, return_attention=True
    )
    assert np.any(attention["location"] != attention["location_mean"])
    expected = ops.glimpse(IMAGES, attention["location"], 4, 2)
    np.testing.assert_allclose(glimpse, expected, atol=1e-6)
    np.testing.assert_array_equal(look(IMAGES, QUERY), look(IMAGES, QUERY))


def test_the_place_is_chosen_from_the_query():
    look = make()
    _, attention = look(IMAGES, QUERY, return_attention=True)
    kernel, bias = look.location_network.weights
    expected = np.tanh(QUERY @ kernel.numpy() + bias.numpy())
    np.testing.assert_allclose(attention["location"], expected, rtol=1e-5)


@POLICIES
def test_attention_is_the_dict_of_the_policy(policy):
    _, attention = make(policy())(IMAGES, QUERY, return_attention=True)
    own = make(policy()).location_policy
    expected = own.compute_output_shape((3, own.units))
    assert {k: tuple(v.shape) for k, v in attention.items()} == expected


def test_the_default_parts_are_those_that_fit_the_policy():
    look = layers.LocationWiseHardAttention(4)
    assert look.glimpse_sensor.glimpse_size == 4
    assert isinstance(look.location_policy, layers.GaussianLocationPolicy)
    assert look.location_network.units == 2
    assert look.location_network.activation is keras.activations.tanh
    assert make(grid()).location_network.units == 12
    assert make(grid()).location_network.activation is keras.activations.linear


@keras.saving.register_keras_serializable("tests")
class Mean(keras.layers.Layer):
    """A sensor with a `call` and nothing else."""

    def call(self, images, location):
        return tf.reduce_mean(images, axis=(1, 2))


def test_a_part_need_only_have_a_call():
    network = keras.Sequential([keras.layers.Dense(2)])
    look = layers.LocationWiseHardAttention(Mean(), network)
    expected = IMAGES.mean(axis=(1, 2))
    np.testing.assert_allclose(look(IMAGES, QUERY), expected, rtol=1e-5)
    again = layers.LocationWiseHardAttention.from_config(look.get_config())
    np.testing.assert_allclose(again(IMAGES, QUERY), expected, rtol=1e-5)


def test_parts_that_are_built_keep_their_weights():
    network = keras.layers.Dense(2)
    network.build((None, 5))
    before = network.kernel.numpy()
    make(location_network=network)(IMAGES, QUERY)
    np.testing.assert_array_equal(network.kernel, before)


def test_the_query_learns_through_the_log_probability_alone():
    look, query = make(), tf.constant(QUERY)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(query)
        glimpse, attention = look(
            IMAGES, query, training=True, return_attention=True
        )
    assert tape.gradient(glimpse, query) is None
    assert np.any(tape.gradient(attention["log_prob"], query))


@POLICIES
def test_scopes_decide_where_it_looks(policy):
    look = make(policy())
    with keras_attention.policy("center"):
        _, attention = look(IMAGES, QUERY, return_attention=True)
    np.testing.assert_array_equal(attention["location"], np.zeros((3, 2)))
    with keras_attention.policy(location=[0.5, -0.25]):
        glimpse = look(IMAGES, QUERY, training=True)
    expected = ops.glimpse(IMAGES, np.full((3, 2), [0.5, -0.25]), 4, 2)
    np.testing.assert_allclose(glimpse, expected, atol=1e-6)
    with keras_attention.policy("random"):
        places = look.choices(tf.zeros((200, 9, 8, 2)), 3)
    assert all(value.shape[:2] == (200, 3) for value in places.values())


def test_a_recorder_hears_where_it_looked():
    look = make(name="look")
    with keras_attention.record_attention() as recorded:
        look(IMAGES, QUERY)
    assert recorded["look"]["location"].shape == (3, 2)


@POLICIES
def test_the_same_noise_gives_the_same_places_in_a_loop_and_unrolled(policy):
    look = layers.RecurrentAttention(
        layers.AttentionCell(make(policy()), keras.layers.LSTMCell(6)),
        num_glimpses=4,
    )
    look.build(IMAGES.shape)
    places = []
    for unroll in (True, False):
        config = {**look.get_config(), "unroll": unroll}
        twin = layers.RecurrentAttention.from_config(config)
        twin.build(IMAGES.shape)
        twin.set_weights(look.get_weights())
        _, attention = twin(IMAGES, training=True, return_attention=True)
        places.append(attention["location"])
    assert np.ptp(places[0].numpy(), axis=1).min() > 0
    np.testing.assert_allclose(places[0], places[1], atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "chooses the place from a query.*query=None"),
        (
            {"query": QUERY, "mask": np.ones((3, 9, 8), "bool")},
            r"takes no mask.*mask.shape=\(3, 9, 8\)",
        ),
        ({"query": QUERY[:, None]}, r"`query`.*\(3, 1, 5\)"),
        ({"query": QUERY[:2]}, r"the batch of `inputs`.*\(2, 5\)"),
    ],
)
def test_what_it_cannot_attend_by_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        make()(IMAGES, **arguments)


def test_images_of_another_rank_are_an_error():
    with pytest.raises(ValueError, match=r"`inputs`.*channels\).*\(3, 9, 8\)"):
        make()(IMAGES[..., 0], QUERY)


def test_a_network_that_does_not_fit_the_policy_is_an_error():
    look = make(grid(), location_network=keras.layers.Dense(2))
    with pytest.raises(ValueError, match=r"`scores`.*\(batch, 12\).*\(3, 2\)"):
        look(IMAGES, QUERY)


def functional(policy):
    image = keras.Input((9, 8, 2), name="image")
    query = keras.Input((5,), name="query")
    glimpse, attention = make(policy())(image, query, return_attention=True)
    return keras.Model([image, query], {"glimpse": glimpse, **attention})


@POLICIES
def test_a_file_keeps_it(policy, tmp_path):
    model = functional(policy)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for training in (False, True):
        first = model([IMAGES, QUERY], training=training)
        second = again([IMAGES, QUERY], training=training)
        for name, value in first.items():
            np.testing.assert_allclose(second[name], value, atol=1e-6)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_places_stay_float32_under_mixed_precision(dtype):
    keras.config.set_dtype_policy(dtype)
    glimpse, attention = make()(IMAGES, QUERY, return_attention=True)
    assert glimpse.dtype == dtype.removeprefix("mixed_")
    assert {value.dtype for value in attention.values()} == {tf.float32}


@POLICIES
def test_it_samples_under_xla(policy):
    look = make(policy())
    look(IMAGES, QUERY)
    compiled = tf.function(look, jit_compile=True)
    _, attention = compiled(IMAGES, QUERY, training=True, return_attention=True)
    assert np.all(np.abs(attention["location"]) <= 1)
    assert np.all(np.isfinite(attention["log_prob"]))
    assert np.any(attention["location"] != attention["location_mean"])


def test_shapes_are_known_without_running():
    look = make()
    shape = look.compute_output_shape((None, 9, 8, 2), (None, 5))
    assert shape == (None, 4, 4, 4)
    outputs = functional(grid).output
    assert outputs["glimpse"].shape == (None, 4, 4, 4)
    assert outputs["indices"].shape == (None, 1)
    assert outputs["indices"].dtype == "int32"


def assert_runs_as(model, runner):
    for batch in (3, 1):
        inputs = {"image": IMAGES[:batch], "query": QUERY[:batch]}
        outputs, expected = runner(**inputs), model(list(inputs.values()))
        assert set(outputs) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(outputs[name], value, atol=1e-4)


@POLICIES
def test_it_converts_to_builtins_of_tflite_with_a_free_batch(policy, convert):
    model = functional(policy)
    look = tf.function(lambda image, query: model([image, query]))
    traced = look.get_concrete_function(
        tf.TensorSpec((None, 9, 8, 2), name="image"),
        tf.TensorSpec((None, 5), name="query"),
    )
    assert_runs_as(model, convert(traced, model.variables))


def test_keras_exports_a_model_that_holds_it_to_tflite(tmp_path):
    model, file = functional(grid), tmp_path / "look.tflite"
    builtins = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    model.export(file, format="litert", target_spec=builtins, verbose=False)
    assert_runs_as(model, Interpreter(str(file)).get_signature_runner())
