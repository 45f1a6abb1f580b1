"""One list of all layers, and every check runs over it.

The only file of the tests that uses Keras's private `keras.src.testing`.
"""

import copy

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from keras.src import testing

import keras_attention
from keras_attention import layers

KINDS = {}


def kind(*input_shapes):
    """Lists a layer: what the function returns, called on these shapes."""

    def add(function):
        KINDS[function.__name__] = (function, input_shapes)
        return function

    return add


@keras.saving.register_keras_serializable("tests")
class Applied(keras.layers.Layer):
    """Calls a layer of several arguments on a list of them."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer
        self.autocast = False

    def build(self, shapes):
        if not self.layer.built:
            self.layer.build(*shapes)
            self.layer.built = True

    def call(self, inputs):
        return self.layer(*inputs)

    def get_config(self):
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer}

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**{**config, "layer": layer})


def small_cell(core=None, estimator="score_function", **sensor):
    return layers.GlimpseCell(
        layers.GlimpseSensor(4, **sensor),
        core=core or keras.layers.SimpleRNNCell(8, "relu"),
        glimpse_network=layers.GlimpseNetwork(5, 6, 7),
        estimator=estimator,
    )


@kind((3, 9, 8, 2), (3, 2))
def glimpse_sensor():
    return Applied, {"layer": layers.GlimpseSensor(4, 2, fill_value=0.5)}


@kind((3, 4, 4, 2), (3, 2))
def glimpse_network():
    return Applied, {"layer": layers.GlimpseNetwork(5, 6, 7)}


@kind((3, 2))
def gaussian_location_policy():
    return layers.GaussianLocationPolicy, {"stddev": 0.2, "seed": 1}


@kind((3, 2))
def gaussian_location_policy_truncated():
    return layers.GaussianLocationPolicy, {
        "stddev": [0.2, 0.4],
        "seed": 1,
        "learned_stddev": True,
        "bound": "truncate",
    }


@kind((3, 6))
def grid_location_policy():
    return layers.GridLocationPolicy, {"rows": 2, "columns": 3, "seed": 1}


@kind((3, 4, 9, 8, 2))
def glimpse_cell():
    return keras.layers.RNN, {"cell": small_cell()}


@kind((3, 9, 8, 2))
def recurrent_attention():
    cell = small_cell(keras.layers.LSTMCell(8), num_scales=2)
    return layers.RecurrentAttention, {"cell": cell, "num_glimpses": 2}


@kind((3, 9, 8, 2))
def recurrent_attention_in_a_loop():
    return layers.RecurrentAttention, {
        "cell": small_cell(interpolation="nearest"),
        "num_glimpses": 3,
        "unroll": False,
        "return_sequences": True,
    }


@kind((3, 9, 8, 2))
def recurrent_attention_pathwise():
    cell = small_cell(estimator="pathwise")
    return layers.RecurrentAttention, {"cell": cell, "num_glimpses": 1}


@kind((3, 4, 9, 8, 2))
def recurrent_attention_along_a_sequence():
    return layers.RecurrentAttention, {"cell": small_cell()}


@kind((3, 9, 8, 2))
def until_sure():
    return layers.UntilSure, {
        "cell": small_cell(keras.layers.LSTMCell(8)),
        "head": keras.layers.Dense(3),
        "num_glimpses": 2,
        "threshold": 0.4,
    }


def applied(make, *input_shapes):
    """Lists a layer that is called on inputs of these shapes."""

    def add(name, **arguments):
        KINDS[name] = (
            lambda: (Applied, {"layer": make(**arguments)}),
            input_shapes,
        )

    return add


soft = applied(layers.ItemWiseSoftAttention, (3, 5, 6), (3, 6))
soft("item_wise_soft_attention", units=(8, 4), gate=True, temperature=0.5)
soft("item_wise_soft_attention_general", score="general", dropout=0.2, seed=1)
soft("item_wise_soft_attention_dot", score="scaled_dot", output="zero")
soft("item_wise_soft_attention_state", score="state", normalization="sparsemax")

hard = applied(layers.ItemWiseHardAttention, (3, 5, 6), (3, 6))
hard("item_wise_hard_attention", num_items=2, units=4, seed=1)
hard("item_wise_hard_attention_again", num_items=2, replacement=True, units=4)
hard("item_wise_hard_attention_zero", num_items=2, output="zero", units=4)
hard(
    "item_wise_hard_attention_straight_through",
    units=4,
    estimator="straight_through",
    expectation_rate=0.5,
)
hard(
    "item_wise_hard_attention_relaxed",
    num_items=2,
    replacement=True,
    output="zero",
    score="general",
    estimator="relaxed",
    relaxation_temperature=0.7,
)

soft_map = applied(layers.LocationWiseSoftAttention, (3, 5, 4, 6), (3, 6))
soft_map("location_wise_soft_attention", units=4)
soft_map("location_wise_soft_attention_map", score="state", output="zero")
soft_map("location_wise_soft_attention_conv", score="convolutional", units=4)
soft_map("location_wise_soft_attention_gaussian", score="gaussian")


@kind((3, 9, 8, 2), (3, 6))
def location_wise_hard_attention():
    return Applied, {"layer": layers.LocationWiseHardAttention(4)}


@kind((3, 9, 8, 2), (3, 6))
def location_wise_hard_attention_grid():
    look = layers.LocationWiseHardAttention(
        layers.GlimpseSensor(4, 2),
        location_policy=layers.GridLocationPolicy(2, 3, seed=1),
    )
    return Applied, {"layer": look}


@kind((3, 9, 8, 2), (3, 6))
def location_wise_hard_attention_pathwise():
    look = layers.LocationWiseHardAttention(
        4,
        location_policy=layers.GaussianLocationPolicy(
            learned_stddev=True, bound="truncate"
        ),
        estimator="pathwise",
    )
    return Applied, {"layer": look}


@keras.saving.register_keras_serializable("tests")
class PooledImageAndQuery(keras.layers.Layer):
    """A localization network that reads images and queries."""

    def call(self, images, query):
        pooled = keras.ops.mean(images, axis=(1, 2))
        return keras.ops.concatenate([pooled, query], axis=-1)


def crop(name, **arguments):
    """Lists a spatial transformer that looks at the image alone."""
    KINDS[name] = (
        lambda: (
            layers.SpatialTransformer,
            {
                "localization": keras.Sequential(
                    [keras.layers.Flatten(), keras.layers.Dense(4, "tanh")]
                ),
                "output_shape": (4, 5),
                "num_control_points": 3,
                **arguments,
            },
        ),
        [(3, 9, 8, 2)],
    )


crop("spatial_transformer", antialias=True)
crop("spatial_transformer_moved", transform="translation")
crop(
    "spatial_transformer_attention",
    transform="attention",
    bounds=(0.1, 1.5),
    align_corners=False,
)
crop(
    "spatial_transformer_turned",
    transform="rotation",
    padding="value",
    fill_value=0.5,
)
crop(
    "spatial_transformer_similarity",
    transform="similarity",
    padding="reflection",
)
crop(
    "spatial_transformer_projective",
    transform="projective",
    padding="border",
    bounds=(0.1, 1.5),
)
crop(
    "spatial_transformer_bent",
    transform="thin_plate_spline",
    bounds=(0.1, 1.5),
)
crop(
    "spatial_transformer_of_two_crops",
    num_transforms=2,
    localization_gradient=0.1,
)


@kind((3, 9, 8, 2), (3, 5))
def spatial_transformer_from_both():
    look = layers.SpatialTransformer(
        PooledImageAndQuery(), (4, 5), localize_from="both"
    )
    return Applied, {"layer": look}


def cells():
    lstm = keras.layers.LSTMCell
    cell = layers.AttentionCell
    soft = layers.ItemWiseSoftAttention(units=4)
    hard = layers.ItemWiseHardAttention(units=4)
    crop = layers.SpatialTransformer(
        keras.layers.Dense(4), (3, 4), localize_from="query"
    )
    return {
        "of_items": ((3, 5, 6), cell(soft, lstm(8), start="learned")),
        "of_hard_items": (
            (3, 5, 6),
            cell(hard, keras.layers.GRUCell(8), inhibition_of_return=True),
        ),
        "of_maps": (
            (3, 5, 4, 6),
            cell(
                layers.LocationWiseSoftAttention("gaussian", output="zero"),
                lstm(8),
                network=keras.Sequential(
                    [keras.layers.Flatten(), keras.layers.Dense(7)]
                ),
            ),
        ),
        "of_glimpses": (
            (3, 9, 8, 2),
            cell(layers.LocationWiseHardAttention(4), lstm(8)),
        ),
        "of_crops": ((3, 9, 8, 2), cell(crop, lstm(8))),
    }


for _name, (_shape, _) in cells().items():
    KINDS[f"attention_cell_{_name}"] = (
        lambda name=_name: (keras.layers.RNN, {"cell": cells()[name][1]}),
        [(3, 2, *_shape[1:])],
    )
    KINDS[f"recurrent_attention_{_name}"] = (
        lambda name=_name: (
            layers.RecurrentAttention,
            {"cell": cells()[name][1], "num_glimpses": 2},
        ),
        [_shape],
    )


def make(name):
    layer_class, arguments = KINDS[name][0]()
    return layer_class(**arguments)


def inputs_of(name, batch=None):
    generator = np.random.default_rng(2)
    values = [
        generator.uniform(-1, 1, shape).astype("float32")[:batch]
        for shape in KINDS[name][1]
    ]
    return values if len(values) > 1 else values[0]


def functional(name):
    inputs = [keras.Input(shape[1:]) for shape in KINDS[name][1]]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    return keras.Model(inputs, make(name)(inputs))


def assert_same(actual, expected, **tolerance):
    keras.tree.assert_same_structure(actual, expected)
    for one, other in zip(
        keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True
    ):
        np.testing.assert_allclose(
            tf.cast(one, "float32"), tf.cast(other, "float32"), **tolerance
        )


def is_policy(name):
    """It returns a dict, in float32."""
    return "location_policy" in name


def is_hard(name):
    """Nothing of it has a gradient from its output."""
    trained = ("straight_through", "relaxed", "pathwise")
    return "wise_hard_attention" in name and not name.endswith(trained)


def is_loop(name):
    """Its steps are a while loop."""
    loops = ("attention_cell", "glimpse_cell", "in_a_loop", "sequence")
    return any(part in name for part in loops)


every_layer = pytest.mark.parametrize("name", KINDS)


def test_every_public_layer_is_in_the_list():
    listed = [name.replace("_", "") for name in KINDS]
    for public in layers.__all__:
        assert any(name.startswith(public.lower()) for name in listed), public


@every_layer
# Keras's check warns of itself, and of weights that its loss does not train.
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_keras_accepts_it(name):
    layer_class, arguments = KINDS[name][0]()
    shapes = KINDS[name][1]
    testing.TestCase().run_layer_test(
        layer_class,
        arguments,
        input_shape=shapes if len(shapes) > 1 else shapes[0],
        # Keras's check trains by a loss of the output, and of one output.
        run_training_check=not is_policy(name) and not is_hard(name),
    )


@every_layer
def test_a_file_keeps_it(name, tmp_path):
    model = functional(name)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_same(again(inputs_of(name)), model(inputs_of(name)))


@every_layer
def test_its_config_makes_it_again(name):
    layer = make(name)
    config = layer.get_config()
    given = copy.deepcopy(config)
    again = type(layer).from_config(given)
    assert again.get_config() == config
    if not isinstance(layer, keras.layers.RNN):  # Keras's changes it
        assert given == config
    layer(inputs_of(name)), again(inputs_of(name))
    again.set_weights(layer.get_weights())
    assert_same(again(inputs_of(name)), layer(inputs_of(name)))


@every_layer
def test_clone_model_copies_it(name):
    model = functional(name)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert_same(clone(inputs_of(name)), model(inputs_of(name)))
    assert not {id(w) for w in clone.weights} & {id(w) for w in model.weights}


@every_layer
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_comes_close_to_float32(name, policy):
    layer = make(name)
    layer(inputs_of(name))
    keras.config.set_dtype_policy(policy)
    mixed = make(name)
    mixed(inputs_of(name))
    mixed.set_weights(layer.get_weights())
    # The choice of an item may change with the last digit of its score.
    chooses = "item_wise_hard" in name or "hard_items" in name
    with keras_attention.policy("center" if chooses else "mode"):
        expected = layer(inputs_of(name))
        outputs = mixed(inputs_of(name))
    assert_same(outputs, expected, atol=0.05)
    symbolic = functional(name).output
    for output, spec in zip(
        keras.tree.flatten(outputs), keras.tree.flatten(symbolic), strict=True
    ):
        assert output.dtype == spec.dtype
    half = keras.config.dtype_policy().compute_dtype
    for output in keras.tree.flatten(outputs):
        if output.dtype != "int32":
            assert output.dtype == ("float32" if is_policy(name) else half)


@every_layer
def test_eager_graph_and_xla_are_the_same(name):
    layer, inputs = make(name), inputs_of(name)
    eager = layer(inputs)
    assert_same(tf.function(layer)(inputs), eager, atol=1e-5)
    compiled = tf.function(layer, jit_compile=True)
    assert_same(compiled(inputs), eager, atol=1e-5)


@every_layer
def test_the_batch_may_be_unknown_and_one(name):
    layer = make(name)
    expected = layer(inputs_of(name))
    shapes = [tf.TensorSpec((None, *s[1:])) for s in KINDS[name][1]]
    signature = shapes if len(shapes) > 1 else shapes[0]
    look = tf.function(layer, input_signature=[signature])
    assert_same(look(inputs_of(name)), expected, atol=1e-6)
    first = keras.tree.map_structure(lambda value: value[:1], expected)
    assert_same(look(inputs_of(name, batch=1)), first, atol=1e-6)


@every_layer
def test_it_converts_to_builtins_of_tflite_with_the_same_result(name, tmp_path):
    shapes, layer = KINDS[name][1], make(name)
    # A loop converts with a known batch only.
    batch = 3 if is_loop(name) else None
    inputs = [
        keras.Input(batch_shape=(batch, *shape[1:]), name=f"input_{i}")
        for i, shape in enumerate(shapes)
    ]
    outputs = flat_by_name(layer(inputs if len(inputs) > 1 else inputs[0]))
    model = keras.Model(inputs, outputs)
    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = [tf.TensorSpec(x.shape, x.dtype, x.name) for x in inputs]
    archive.add_endpoint("run", lambda *x: model(list(x)), signature)
    saved = str(tmp_path / "saved")
    archive.write_out(saved, verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(
        saved, signature_keys=["run"]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    file = Interpreter(model_content=converter.convert())
    values = inputs_of(name)
    values = values if isinstance(values, list) else [values]
    found = file.get_signature_runner("run")(
        **{x.name: value for x, value in zip(inputs, values, strict=True)}
    )
    for key, value in model(values).items():
        np.testing.assert_allclose(found[key], value, atol=1e-4, err_msg=key)


def flat_by_name(outputs):
    flat = keras.tree.flatten(outputs)
    return {f"output_{i}": value for i, value in enumerate(flat)}


@every_layer
def test_symbolic_shapes_are_right(name):
    outputs = make(name)(inputs_of(name))
    symbolic = functional(name).output
    for output, spec in zip(
        keras.tree.flatten(outputs), keras.tree.flatten(symbolic), strict=True
    ):
        assert spec.shape == (None, *output.shape[1:])


@pytest.mark.parametrize(
    ("layer", "shapes", "expected"),
    [
        (
            layers.GlimpseSensor(4, 3),
            [(None, None, None, 2), (None, 2)],
            (None, 4, 4, 6),
        ),
        (layers.GlimpseNetwork(5, 6, 7), [(3, 4, 4, 2), (3, 2)], (3, 7)),
        (
            layers.GaussianLocationPolicy(),
            [(5, 2)],
            {
                "location": (5, 2),
                "location_mean": (5, 2),
                "log_prob": (5,),
                "entropy": (5,),
            },
        ),
        (
            layers.GridLocationPolicy(2, 3),
            [(5, 6)],
            {
                "location": (5, 2),
                "location_mean": (5, 2),
                "log_prob": (5,),
                "entropy": (5,),
                "indices": (5, 1),
            },
        ),
        (layers.ItemWiseSoftAttention(), [(5, 7, 3), (5, 2)], (5, 3)),
        (
            layers.LocationWiseSoftAttention(output="zero"),
            [(5, None, 7, 3)],
            (5, None, 7, 3),
        ),
        (layers.ItemWiseHardAttention(2), [(5, 7, 3), (5, 2)], (5, 2, 3)),
        (
            layers.LocationWiseHardAttention(4),
            [(5, None, None, 3), (5, 2)],
            (5, 4, 4, 3),
        ),
    ],
)
def test_compute_output_shape(layer, shapes, expected):
    assert layer.compute_output_shape(*shapes) == expected
