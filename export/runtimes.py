"""The runtimes of exported files: TFLite, SavedModel, ONNX.

This file needs NumPy, and of each runtime only the package that runs it: it
is also run by its path, in processes that have neither Keras nor this package.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIGNATURE = "serving_default"
Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Runtime:
    """An exported file that was loaded.

    Attributes:
        format: `"tflite"`, `"saved_model"` or `"onnx"`.
        signatures: names of the signatures, each to its inputs: dict of the
            name of an input to its shape, None for a free side.
        dtype: of the images, `"float32"` or `"uint8"`.
        run: `run(signature, inputs)`, arrays by name, gives the outputs.
    """

    format: str
    signatures: dict[str, dict[str, tuple]]
    dtype: str
    run: Callable[[str, Arrays], Arrays]

    @property
    def image_shape(self) -> tuple:
        """(B, H, W, C) of the images, None for a free side."""
        return self.signatures[SIGNATURE]["image"]

    def answer(self, signature: str, inputs: Arrays) -> Arrays:
        """Answers any number of rows, whatever number the file takes at once.

        Args:
            signature: its name.
            inputs: arrays (N, ...) by name, N at least 1.

        Returns:
            Arrays (N, ...) by name.
        """
        shapes = self.signatures[signature].values()
        size = next(iter(shapes))[0]
        count = len(next(iter(inputs.values())))
        if size is None:
            return self.run(signature, inputs)
        batches = []
        for start in range(0, count, size):
            # The last row again where a batch is not full.
            rows = np.minimum(np.arange(start, start + size), count - 1)
            taken = {name: value[rows] for name, value in inputs.items()}
            batches.append(self.run(signature, taken))
        return {
            name: np.concatenate([batch[name] for batch in batches])[:count]
            for name in batches[0]
        }


def load_tflite(file: Path, num_threads: int | None = None) -> Runtime:
    """Loads a TFLite file.

    Args:
        file: the file.
        num_threads: threads of the interpreter; None leaves it the choice.

    Raises:
        ValueError: if it is damaged, or no classifier of this package.
    """
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(
            model_content=file.read_bytes(), num_threads=num_threads
        )
        runners = {
            name: interpreter.get_signature_runner(name)
            for name in interpreter.get_signature_list()
        }
        inputs = {
            name: runner.get_input_details() for name, runner in runners.items()
        }
        dtype = np.dtype(inputs[SIGNATURE]["image"]["dtype"]).name
        signatures = {
            name: {
                key: _shape(detail["shape_signature"])
                for key, detail in details.items()
            }
            for name, details in inputs.items()
        }
        image = _black(signatures[SIGNATURE]["image"], dtype)
        runners[SIGNATURE](image=image)
    except (ValueError, RuntimeError, KeyError) as error:
        raise ValueError(
            "The file is damaged, or not a TFLite classifier of this package. "
            f"Received: {str(file)!r}; {error}"
        ) from error

    def run(signature: str, arrays: Arrays) -> Arrays:
        return runners[signature](**arrays)

    return Runtime("tflite", signatures, dtype, run)


def load_saved_model(directory: Path) -> Runtime:
    """Loads a SavedModel.

    Raises:
        ValueError: if it is damaged, or no classifier of this package.
    """
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(directory))
        specs = {
            name: function.structured_input_signature[1]
            for name, function in loaded.signatures.items()
        }
        dtype = specs[SIGNATURE]["image"].dtype.name
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise ValueError(
            "The folder is damaged, or not a SavedModel of this package. "
            f"Received: {str(directory)!r}; {error}"
        ) from error

    def run(signature: str, arrays: Arrays, owner: Any = loaded) -> Arrays:
        # A signature does not keep alive what it was loaded with.
        inputs = {name: tf.constant(value) for name, value in arrays.items()}
        outputs = owner.signatures[signature](**inputs)
        return {name: value.numpy() for name, value in outputs.items()}

    signatures = {
        name: {key: tuple(one.shape) for key, one in inputs.items()}
        for name, inputs in specs.items()
    }
    return Runtime("saved_model", signatures, dtype, run)


def load_onnx(file: Path, num_threads: int | None = None) -> Runtime:
    """Loads an ONNX file; it has the signature `serving_default` alone.

    Raises:
        ValueError: if it is damaged, or no classifier of this package.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads or 0
    try:
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        (image,) = session.get_inputs()
    # ONNX Runtime's errors have no common class.
    except Exception as error:
        raise ValueError(
            "The file is damaged, or not an ONNX classifier of this package. "
            f"Received: {str(file)!r}; {error}"
        ) from error
    names = [output.name for output in session.get_outputs()]

    def run(signature: str, arrays: Arrays) -> Arrays:
        values = session.run(names, {image.name: arrays["image"]})
        return dict(zip(names, values, strict=True))

    shape = [side if isinstance(side, int) else None for side in image.shape]
    dtype = "uint8" if "uint8" in image.type else "float32"
    return Runtime("onnx", {SIGNATURE: {"image": tuple(shape)}}, dtype, run)


def _shape(sides: np.ndarray) -> tuple:
    """A shape of TFLite, where -1 is a free side."""
    return tuple(int(side) if side > 0 else None for side in sides)


def _black(shape: tuple, dtype: str) -> np.ndarray:
    batch, height, width, channels = shape
    return np.zeros((batch or 1, height or 64, width or 64, channels), dtype)
