"""Rebuilds a model of mixed precision in float32, for exact exports.

TFLite has no half-precision matrix products among its builtins, and the
outputs of a half-precision model depend on the machine that runs it.
"""

from typing import Any

import keras

HALF = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")


def in_float32(model: keras.Model) -> keras.Model:
    """The same model with the same weights, computed in float32.

    Args:
        model: built keras model whose layers can be made of their config.

    Returns:
        `model` itself where all its layers compute in float32 already.

    Raises:
        ValueError: if the model cannot be made again of its config.
    """
    layers = model._flatten_layers()
    if not any(layer.dtype_policy.name in HALF for layer in layers):
        return model
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        config = keras.saving.serialize_keras_object(model)
        config.pop("compile_config", None)
        rebuilt = keras.saving.deserialize_keras_object(_float32(config))
        rebuilt.set_weights(model.get_weights())
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(
            "`model` computes in half precision and could not be made again "
            "in float32 of its config: build it under "
            'keras.config.set_dtype_policy("float32"), load its weights and '
            f"export that. Received: model={model.name!r}; {error}"
        ) from error
    finally:
        keras.config.set_dtype_policy(policy)
    return rebuilt


def _float32(config: Any) -> Any:
    """The config with every half-precision `dtype` in it replaced."""
    if isinstance(config, dict):
        return {
            key: "float32"
            if key == "dtype" and _policy_name(value) in HALF
            else _float32(value)
            for key, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return type(config)(_float32(value) for value in config)
    return config


def _policy_name(dtype: Any) -> Any:
    if isinstance(dtype, dict):
        return dtype.get("config", {}).get("name")
    return dtype
