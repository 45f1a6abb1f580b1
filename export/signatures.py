"""The signatures of exported files: functions of TensorFlow alone.

serving_default   image -> probabilities, class, what was attended to
serve_bytes       image_bytes, encoded files -> the same
sample            image, noise uniform in (0, 1) -> the same, sampled
explain           image -> where it looked, at the size of the image
"""

from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from . import image_bytes
from .explain import explainer
from .inputs import example_of, floating
from .sample import num_numbers, sample
from .serving import serve

DEFAULT = "serving_default"
BYTES, SAMPLE, EXPLAIN = "serve_bytes", "sample", "explain"


class Servable(tf.Module):
    """The functions to write and the variables they read, nothing else.

    The keras model is held by the functions alone: its layers, metrics and
    optimizer do not become part of the file.

    Args:
        model: built keras model, images to scores (B, K), in float32.
        spec: of the images, as `inputs.checked_spec` gives it.

    Attributes:
        functions: dict of signatures to functions; those that the model has.
    """

    def __init__(self, model: keras.Model, spec: tf.TensorSpec):
        super().__init__()
        example = floating(example_of(spec))
        # Problems show up here in plain words, not as those of a graph.
        serve(model, example)
        self.weights = [variable.value for variable in model.variables]
        self.functions = {
            DEFAULT: _of_images(spec, lambda images: serve(model, images))
        }
        if image_bytes.can_decode(spec):
            self.functions[BYTES] = _of_bytes(model, spec)
        size = num_numbers(model, example)
        if size:
            sampling = _of_noise(model, spec, size)
            if _can_be_traced(sampling, spec):
                self.functions[SAMPLE] = sampling
        explain = explainer(model, example)
        if explain:
            self.functions[EXPLAIN] = _of_images(spec, explain)


def _can_be_traced(
    sampling: tf.types.experimental.PolymorphicFunction, spec: tf.TensorSpec
) -> bool:
    """Whether so many random numbers are enough for images of any size."""
    if None not in spec.shape[1:]:
        return True
    try:
        sampling.get_concrete_function()
    except ValueError:  # the number of items depends on the size
        return False
    return True


def written(directory: Path) -> dict[str, meta_graph_pb2.SignatureDef]:
    """The signatures of a SavedModel by name, read without loading it.

    Args:
        directory: its folder.
    """
    content = (directory / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0]
    return {
        name: signature
        for name, signature in graph.signature_def.items()
        if not name.startswith("__")  # TensorFlow's own
    }


# Without AutoGraph, as Keras traces its own exports: it takes as long as all
# the rest.
def _of_images(
    spec: tf.TensorSpec, answer: Callable[[tf.Tensor], dict]
) -> tf.types.experimental.PolymorphicFunction:
    @tf.function(input_signature=[spec], autograph=False)
    def of_images(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(floating(image))

    return of_images


def _of_bytes(
    model: keras.Model, spec: tf.TensorSpec
) -> tf.types.experimental.PolymorphicFunction:
    encoded = tf.TensorSpec(spec.shape[:1], "string", name="image_bytes")

    @tf.function(input_signature=[encoded], autograph=False)
    def of_bytes(files: tf.Tensor) -> dict[str, tf.Tensor]:
        images = image_bytes.decode(files, tuple(spec.shape[1:]))
        return serve(model, images)

    return of_bytes


def _of_noise(
    model: keras.Model, spec: tf.TensorSpec, size: int
) -> tf.types.experimental.PolymorphicFunction:
    noise = tf.TensorSpec((spec.shape[0], size), "float32", name="noise")

    @tf.function(input_signature=[spec, noise], autograph=False)
    def of_noise(image: tf.Tensor, noise: tf.Tensor) -> dict[str, tf.Tensor]:
        return sample(model, floating(image), noise)

    return of_noise
