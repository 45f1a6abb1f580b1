"""Layers that are made of layers: their configs."""

import keras


def serialized(parts):
    """A config of each part.

    Args:
        parts: dict of layers, or of None.

    Returns:
        Dict of the same names.
    """
    return {
        name: keras.saving.serialize_keras_object(part)
        for name, part in parts.items()
    }


def deserialized(config):
    """A config with each part made again; the config stays as it was.

    Args:
        config: what `get_config` returned.

    Returns:
        Dict of the arguments of the constructor.
    """
    return {
        name: keras.saving.deserialize_keras_object(value)
        if isinstance(value, dict) and name != "dtype"
        else value
        for name, value in config.items()
    }
