"""Which images an exported model takes: their shape and dtype."""

from typing import Any

import keras
import tensorflow as tf

DTYPES = ("float32", "uint8")


def checked_spec(
    model: keras.Model, image_spec: tf.TensorSpec | None = None
) -> tf.TensorSpec:
    """The images that an exported model takes.

    Args:
        model: built keras model with one input, images.
        image_spec: (B, H, W, C), float32 or uint8, each side a number or
            None, which leaves it free. By default any number of float32
            images of the size that the model declares.

    Returns:
        The spec, named `image`.

    Raises:
        ValueError: if the model has no such input, was never called, leaves
            a side open about which nothing is said, or the spec does not fit.
    """
    declared = _declared_shape(model, image_spec)
    if image_spec is None:
        if None in declared[1:]:
            raise ValueError(
                "The model leaves a side of its images open: say what is "
                "exported, such as `image_spec=tf.TensorSpec((None, 28, 28, "
                '1), "float32")` (--shape); None leaves it free. Received: '
                f"{model.name!r}, which takes {declared}"
            )
        image_spec = tf.TensorSpec((None, *declared[1:]), "float32")
    shape = tuple(image_spec.shape)
    if len(shape) != 4 or shape[-1] is None:
        raise ValueError(
            "`image_spec` must be that of images (batch, height, width, "
            f"channels), with a number of channels. Received: {shape}"
        )
    if image_spec.dtype.name not in DTYPES:
        raise ValueError(
            f"`image_spec` must have one of the dtypes {DTYPES}. "
            f"Received: {image_spec.dtype.name}"
        )
    _check_fits(declared, shape)
    return tf.TensorSpec(shape, image_spec.dtype, name="image")


def example_of(spec: tf.TensorSpec) -> tf.Tensor:
    """A black image that fits a spec; a free side is 64 pixels long."""
    _, height, width, channels = spec.shape
    return tf.zeros((1, height or 64, width or 64, channels), spec.dtype)


def floating(images: tf.Tensor) -> tf.Tensor:
    """Images as float32 in [0, 1]; uint8 stands for 0-255."""
    if images.dtype == tf.uint8:
        return tf.cast(images, "float32") / 255
    return images


def _check_fits(declared: tuple, shape: tuple) -> None:
    # A side that the model fixes can not be left free.
    fits = (
        d in (None, n) for d, n in zip(declared[1:], shape[1:], strict=True)
    )
    if not all(fits):
        raise ValueError(
            f"`image_spec` must fit the model, which takes {declared}. "
            f"Received: {shape}"
        )


def _declared_shape(model: Any, image_spec: tf.TensorSpec | None) -> tuple:
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"`model` must be a keras.Model. Received: model={model!r}"
        )
    if not model.built:
        raise ValueError(
            "`model` was never called, so it has no weights to export: call "
            f"it once on images. Received: model={model.name!r}"
        )
    try:
        inputs = keras.tree.flatten(model.inputs)
    except (AttributeError, ValueError):  # a subclassed model
        inputs = []
    if inputs:
        shapes = [tuple(tensor.shape) for tensor in inputs]
    elif image_spec is not None:
        shapes = [tuple(image_spec.shape)]
    else:
        shape = (model.get_build_config() or {}).get("input_shape")
        shapes = [tuple(shape)] if shape else []
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ValueError(
            "`model` must have one input, images (batch, height, width, "
            f"channels). Received: inputs of shapes {shapes}"
        )
    return shapes[0]
