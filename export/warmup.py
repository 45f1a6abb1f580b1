"""Warm-up requests: what TensorFlow Serving answers before it is ready.

The first request of each signature would otherwise wait for the seconds that
TensorFlow takes to prepare the graph.
"""

import io
from pathlib import Path

import numpy as np
import tensorflow as tf

from .signatures import BYTES, written

# Where TensorFlow Serving looks, in the folder of a version.
FILE = "assets.extra/tf_serving_warmup_requests"
MODEL_NAME = "model"


def write_warmup(directory: Path, images: np.ndarray) -> Path:
    """Writes one request for each signature of a SavedModel into its folder.

    Args:
        directory: folder of the SavedModel.
        images: (N, H, W, C) as the model takes them; the first is sent.

    Returns:
        The file, records of `tensorflow.serving.PredictionLog`.
    """
    from tensorflow_serving.apis import prediction_log_pb2

    file = directory / FILE
    file.parent.mkdir()
    with tf.io.TFRecordWriter(str(file)) as writer:
        for name, signature in written(directory).items():
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = MODEL_NAME
            request.model_spec.signature_name = name
            shapes = {
                argument: tf.TensorShape(info.tensor_shape)
                for argument, info in signature.inputs.items()
            }
            for argument, value in _inputs(name, shapes, images).items():
                proto = tf.make_tensor_proto(value)
                request.inputs[argument].CopyFrom(proto)
            writer.write(log.SerializeToString())
    return file


def _inputs(
    name: str, shapes: dict[str, tf.TensorShape], images: np.ndarray
) -> dict[str, object]:
    """What a signature is called on: the first image, alone or repeated."""
    batch = next(iter(shapes.values()))[0] or 1
    if name == BYTES:
        return {"image_bytes": [png(images[0])] * batch}
    inputs = {"image": np.repeat(images[:1], batch, axis=0)}
    if "noise" in shapes:
        shape = (batch, shapes["noise"][1])
        inputs["noise"] = np.full(shape, 0.5, "float32")
    return inputs


def png(image: np.ndarray) -> bytes:
    """The PNG file of an image, floating in [0, 1] or uint8."""
    from PIL import Image

    if image.dtype != np.uint8:
        image = np.round(np.clip(image, 0, 1) * 255).astype("uint8")
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(
        file, "PNG"
    )
    return file.getvalue()
