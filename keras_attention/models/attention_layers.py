"""The attention layers of a model, and what says where each looks."""

from keras_attention import layers
from keras_attention.layers.mechanism import Mechanism
from keras_attention.layers.until_sure import UntilSure

LOOPS = (layers.RecurrentAttention, UntilSure)


def attention_layers(model):
    """The loops of a model and its attention layers, by name."""
    return {
        layer.name: layer
        for layer in model._flatten_layers()
        if isinstance(layer, (*LOOPS, Mechanism))
    }


def layer_of(known, key):
    """The layer of a record; one called again is there as name_1, name_2."""
    return known.get(key, known.get(key.rpartition("_")[0]))


def layers_of(known, keys):
    """The layers of the records of a call, by the names of the records.

    Raises:
        ValueError: if a name could be that of either of two layers: "look_1"
            is one that was called first, or the second call of "look".
    """
    for key in keys:
        name = key.rpartition("_")[0]
        first = name.rpartition("_")[0]
        if key not in known and name in known and first in known:
            raise ValueError(
                f"What the layer {name!r} attended to can not be told from "
                f"that of {first!r}, which may have been called again: give "
                f"one of them another `name`. Received: {', '.join(keys)}"
            )
    return {key: layer_of(known, key) for key in keys}


def mechanism_of(layer):
    """What attends in a layer: that of the cell of a loop, or the layer."""
    cell = getattr(layer, "cell", layer)
    return getattr(cell, "mechanism", cell)


def choose(model, recorded, name):
    """The name under which the layer was recorded, and the layer."""
    known = attention_layers(model)
    found = layers_of(known, recorded)
    if not found:
        raise ValueError(
            f"The model {model.name!r} has no attention layer that could be "
            "recorded: it needs a layer of `keras_attention.layers`, driven "
            "by `RecurrentAttention` and not by `keras.layers.RNN`."
        )
    loops = [key for key, layer in found.items() if isinstance(layer, LOOPS)]
    if name is None and (loops or len(found) == 1):
        name = (loops or list(found))[-1]
    if name not in found:
        raise ValueError(
            f"`layer` must be one of the attention layers of {model.name!r}: "
            f"{', '.join(found)}. Received: layer={name!r}"
        )
    return name, found[name]


def with_axes(alone, num_transforms, attention):
    """Each (N, T, ...), and theta and location of crops (N, T, n, ...)."""
    if alone:  # it looks once
        attention = {name: one[:, None] for name, one in attention.items()}
    if num_transforms == 1:
        attention = {name: one[:, :, None] for name, one in attention.items()}
    return attention


def geometry_of(mechanism, image_shape, glimpse_size):
    """The kind of a mechanism, and what says where it looks."""
    if isinstance(mechanism, layers.SpatialTransformer):
        names = (
            "output_shape",
            "transform",
            "align_corners",
            "num_transforms",
            "antialias",
            "interpolation",
            "padding",
            "fill_value",
        )
        geometry = {name: getattr(mechanism, name) for name in names}
        # `theta` of the simpler transforms is recorded as their matrix.
        if geometry["transform"] not in ("projective", "thin_plate_spline"):
            geometry["transform"] = "affine"
        return "transformer", geometry
    if isinstance(mechanism, layers.LocationWiseSoftAttention):
        return "mask", {}
    if not isinstance(mechanism, layers.LocationWiseHardAttention):
        return "items", {}
    sensor = mechanism.glimpse_sensor
    glimpse_size = glimpse_size or getattr(sensor, "glimpse_size", None)
    if not isinstance(glimpse_size, int):
        raise ValueError(
            f"The size of the glimpses of {sensor.name!r} is not known: give "
            f"`glimpse_size`. Received: glimpse_size={glimpse_size!r}"
        )
    return "glimpses", {
        "glimpse_size": glimpse_size,
        "num_scales": getattr(sensor, "num_scales", 1),
        "interpolation": getattr(sensor, "interpolation", "bilinear"),
        "fill_value": getattr(sensor, "fill_value", 0.0),
        "map_shape": _map_shape(mechanism, image_shape),
    }


def _map_shape(mechanism, image_shape):
    """Rows and columns of what a mechanism reads; the image's if unknown."""
    built = mechanism.get_build_config() or {}
    shapes = built.get(
        "shapes_dict", {"inputs_shape": built.get("input_shape")}
    )
    shape = shapes["inputs_shape"] or (None, None, None, None)
    return tuple(
        known or size
        for known, size in zip(shape[1:3], image_shape, strict=True)
    )
