"""One list of all layers, and every check of this folder runs over it.

A check that asks for `form` runs once for each layer in the list. What is made
for a form is made once for all its checks, which only read it: pytest runs the
checks of one form one after the other.
"""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import layers

FORMS = {}


def listed(*input_shapes):
    """Lists a layer: what the function returns, called on these shapes."""

    def add(function):
        FORMS[function.__name__] = (function, input_shapes)
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


@listed((3, 9, 8, 2), (3, 2))
def glimpse_sensor():
    return Applied, {"layer": layers.GlimpseSensor(4, 2, fill_value=0.5)}


@listed((3, 4, 4, 2), (3, 2))
def glimpse_network():
    return Applied, {"layer": layers.GlimpseNetwork(5, 6, 7)}


@listed((3, 2))
def gaussian_location_policy():
    return layers.GaussianLocationPolicy, {"stddev": 0.2, "seed": 1}


@listed((3, 2))
def gaussian_location_policy_truncated():
    return layers.GaussianLocationPolicy, {
        "stddev": [0.2, 0.4],
        "seed": 1,
        "learned_stddev": True,
        "bound": "truncate",
    }


@listed((3, 6))
def grid_location_policy():
    return layers.GridLocationPolicy, {"rows": 2, "columns": 3, "seed": 1}


@listed((3, 4, 9, 8, 2))
def glimpse_cell():
    return keras.layers.RNN, {"cell": small_cell()}


@listed((3, 9, 8, 2))
def recurrent_attention():
    cell = small_cell(keras.layers.LSTMCell(8), num_scales=2)
    return layers.RecurrentAttention, {"cell": cell, "num_glimpses": 2}


@listed((3, 9, 8, 2))
def recurrent_attention_in_a_loop():
    return layers.RecurrentAttention, {
        "cell": small_cell(interpolation="nearest"),
        "num_glimpses": 3,
        "unroll": False,
        "return_sequences": True,
    }


@listed((3, 9, 8, 2))
def recurrent_attention_pathwise():
    cell = small_cell(estimator="pathwise")
    return layers.RecurrentAttention, {"cell": cell, "num_glimpses": 1}


@listed((3, 4, 9, 8, 2))
def recurrent_attention_along_a_sequence():
    return layers.RecurrentAttention, {"cell": small_cell()}


@listed((3, 9, 8, 2))
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
        form = (lambda: (Applied, {"layer": make(**arguments)}), input_shapes)
        FORMS[name] = form

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


@listed((3, 9, 8, 2), (3, 6))
def location_wise_hard_attention():
    return Applied, {"layer": layers.LocationWiseHardAttention(4)}


@listed((3, 9, 8, 2), (3, 6))
def location_wise_hard_attention_grid():
    look = layers.LocationWiseHardAttention(
        layers.GlimpseSensor(4, 2),
        location_policy=layers.GridLocationPolicy(2, 3, seed=1),
    )
    return Applied, {"layer": look}


@listed((3, 9, 8, 2), (3, 6))
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

    def form():
        where = [keras.layers.Flatten(), keras.layers.Dense(4, "tanh")]
        return layers.SpatialTransformer, {
            "localization": keras.Sequential(where),
            "output_shape": (4, 5),
            "num_control_points": 3,
            **arguments,
        }

    FORMS[f"spatial_transformer{name}"] = (form, [(3, 9, 8, 2)])


value = {"padding": "value", "fill_value": 0.5}
bounds = {"bounds": (0.1, 1.5)}
crop("", antialias=True)
crop("_moved", transform="translation")
crop("_attention", transform="attention", align_corners=False, **bounds)
crop("_turned", transform="rotation", **value)
crop("_similarity", transform="similarity", padding="reflection")
crop("_projective", transform="projective", padding="border", **bounds)
crop("_bent", transform="thin_plate_spline", **bounds)
crop("_of_two_crops", num_transforms=2, localization_gradient=0.1)


@listed((3, 9, 8, 2), (3, 5))
def spatial_transformer_from_both():
    look = layers.SpatialTransformer(
        PooledImageAndQuery(), (4, 5), localize_from="both"
    )
    return Applied, {"layer": look}


def of_items(core):
    return layers.AttentionCell(
        layers.ItemWiseSoftAttention(units=4), core, start="learned"
    )


def of_hard_items(core):
    return layers.AttentionCell(
        layers.ItemWiseHardAttention(units=4), core, inhibition_of_return=True
    )


def of_maps(core):
    return layers.AttentionCell(
        layers.LocationWiseSoftAttention("gaussian", output="zero"),
        core,
        network=keras.Sequential(
            [keras.layers.Flatten(), keras.layers.Dense(7)]
        ),
    )


def of_glimpses(core):
    return layers.AttentionCell(layers.LocationWiseHardAttention(4), core)


def of_crops(core):
    look = layers.SpatialTransformer(
        keras.layers.Dense(4), (3, 4), localize_from="query"
    )
    return layers.AttentionCell(look, core)


def cell(make, core, input_shape):
    """Lists a cell in the loop of Keras, and in ours."""
    name = make.__name__
    FORMS[f"attention_cell_{name}"] = (
        lambda: (keras.layers.RNN, {"cell": make(core(8))}),
        [(3, 2, *input_shape[1:])],
    )
    FORMS[f"recurrent_attention_{name}"] = (
        lambda: (
            layers.RecurrentAttention,
            {"cell": make(core(8)), "num_glimpses": 2},
        ),
        [input_shape],
    )


cell(of_items, keras.layers.LSTMCell, (3, 5, 6))
cell(of_hard_items, keras.layers.GRUCell, (3, 5, 6))
cell(of_maps, keras.layers.LSTMCell, (3, 5, 4, 6))
cell(of_glimpses, keras.layers.LSTMCell, (3, 9, 8, 2))
cell(of_crops, keras.layers.LSTMCell, (3, 9, 8, 2))


def by_name(outputs):
    """All tensors of an output, as a graph to convert names them."""
    flat = keras.tree.flatten(outputs)
    return {f"output_{i}": value for i, value in enumerate(flat)}


class Form:
    """One layer of the list, what it is called on, and what it returns."""

    def __init__(self, name):
        self.name = name
        self.recipe, self.shapes = FORMS[name]
        self.layer = self.make()
        self.outputs = self.layer(self.inputs)
        self.named_outputs = by_name(self.outputs)

    def make(self):
        """A layer that is not built."""
        layer_class, arguments = self.recipe()
        return layer_class(**arguments)

    def one_or_all(self, of_each_input):
        """The inputs as the layer takes them: a list if there are several."""
        return of_each_input if len(self.shapes) > 1 else of_each_input[0]

    @functools.cached_property
    def inputs(self):
        generator = np.random.default_rng(2)
        return self.one_or_all(
            [
                generator.uniform(-1, 1, shape).astype("float32")
                for shape in self.shapes
            ]
        )

    def symbolic_inputs(self):
        return self.one_or_all([keras.Input(s[1:]) for s in self.shapes])

    @functools.cached_property
    def model(self):
        """A functional model of a layer that symbols have built."""
        inputs = self.symbolic_inputs()
        return keras.Model(inputs, self.make()(inputs))

    @functools.cached_property
    def outputs_of_model(self):
        return self.model(self.inputs)

    @functools.cached_property
    def graph(self):
        """A graph of the layer for batches of any size."""
        return self.trace(None)

    def trace(self, batch):
        """A graph for batches of this size, with named outputs."""
        symbols = [
            tf.TensorSpec((batch, *shape[1:]), name=f"input_{i}")
            for i, shape in enumerate(self.shapes)
        ]
        look = tf.function(lambda inputs: by_name(self.layer(inputs)))
        return look.get_concrete_function(self.one_or_all(symbols))

    @property
    def is_policy(self):
        """It returns a dict, in float32."""
        return "location_policy" in self.name


# All checks of a form run in one of several processes.
@pytest.fixture(
    scope="session",
    params=[
        pytest.param(name, marks=pytest.mark.xdist_group(name))
        for name in FORMS
    ],
)
def form(request):
    keras.utils.set_random_seed(7)
    return Form(request.param)


@pytest.fixture(scope="session")
def forms():
    """The names of the list."""
    return list(FORMS)
