"""Predictions from exported files.

This file needs NumPy, and TensorFlow only for SavedModels: it is also run by
its path, in processes that have neither Keras nor this package.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIGNATURE = "serving_default"
# Float images may leave [0, 1] by this much: resizing rounds.
RANGE_SLACK = 1e-3


class ExportedModel:
    """A classifier that was loaded from exported files.

    Attributes:
        path: the file or the folder that it was loaded from.
        format: `"tflite"` or `"saved_model"`.
        input_shape: (H, W, C) of the images.
        card: the model card, where it was loaded from an export folder.
        labels: names of the classes, where there is a card.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        input_shape: tuple[int, int, int],
        run: Callable[[np.ndarray], dict[str, np.ndarray]],
        card: dict | None = None,
    ):
        """Made by `load_exported`."""
        self.path = path
        self.format = kind
        self.input_shape = input_shape
        self.card = card
        self.labels = card["labels"] if card else None
        self._run = run

    def predict(self, images: Any) -> dict[str, np.ndarray]:
        """Classifies images.

        Not to be called from two threads at once.

        Args:
            images: (B, H, W, C), floating in [0, 1], or uint8, which stands
                for 0-255 and is scaled to [0, 1]. B may be zero.

        Returns:
            `probabilities` (B, K), `class` (B,), and what the model attended
            to, such as `location` (B, T, 2).

        Raises:
            ValueError: if the images have another shape or dtype, or values
                that are NaN or outside [0, 1].
        """
        images = checked_images(images, self.input_shape)
        if len(images):
            return self._run(images)
        # Not every operation of every runtime takes an empty batch.
        outputs = self._run(np.zeros((1, *self.input_shape), np.float32))
        return {name: value[:0] for name, value in outputs.items()}


def load_exported(
    path: str | Path, num_threads: int | None = None
) -> ExportedModel:
    """Loads an exported classifier.

    Args:
        path: an export folder, whose TFLite file is taken, a `.tflite` file,
            or a SavedModel folder.
        num_threads: threads of the TFLite interpreter; None leaves it the
            choice.

    Raises:
        FileNotFoundError: if there is no such file or folder.
        ValueError: if it is not an exported classifier, or damaged.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            "There is no exported model: give a folder that `keras-attention "
            f"export` wrote, or a .tflite file. Received: path={str(path)!r}"
        )
    if path.is_file():
        return _load_tflite(path, num_threads)
    if (path / "saved_model.pb").exists():
        return _load_saved_model(path)
    if (path / "model.tflite").is_file():
        card = _read_card(path)
        return _load_tflite(path / "model.tflite", num_threads, card)
    versions = saved_model_versions(path)
    if versions:
        newest = path / "saved_model" / str(versions[-1])
        return _load_saved_model(newest, _read_card(path))
    raise ValueError(
        "The folder holds neither model.tflite nor a SavedModel. Received: "
        f"path={str(path)!r}"
    )


def checked_images(images: Any, shape: tuple[int, int, int]) -> np.ndarray:
    """Images as float32 in [0, 1], or an error that says what is wrong."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[1:] != tuple(shape):
        height, width, channels = shape
        raise ValueError(
            f"`images` must have the shape (batch, {height}, {width}, "
            f"{channels}). Received: images.shape={images.shape}"
        )
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(255)
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(
            "`images` must be floating in [0, 1], or uint8. Received: "
            f"images.dtype={images.dtype}"
        )
    images = images.astype(np.float32)
    inside = (images >= -RANGE_SLACK) & (images <= 1 + RANGE_SLACK)
    wrong = np.flatnonzero(~inside.all(axis=(1, 2, 3)))
    if len(wrong):
        values = images[wrong[0]]
        raise ValueError(
            "`images` must be in [0, 1] and not NaN where they are floating; "
            f"uint8 stands for 0-255. Received: image {wrong[0]} with values "
            f"from {values.min()} to {values.max()}"
        )
    return images


def saved_model_versions(folder: Path) -> list[int]:
    """The numbers of the SavedModels in an export folder, in order."""
    folder = folder / "saved_model"
    if not folder.is_dir():
        return []
    names = [path.name for path in folder.iterdir()]
    return sorted(int(name) for name in names if name.isdecimal())


def _load_tflite(
    file: Path, num_threads: int | None, card: dict | None = None
) -> ExportedModel:
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(
            model_content=file.read_bytes(), num_threads=num_threads
        )
        runner = interpreter.get_signature_runner(SIGNATURE)
        details = runner.get_input_details()["image"]
        shape = tuple(int(side) for side in details["shape_signature"][1:])
        runner(image=np.zeros((1, *shape), np.float32))
    except (ValueError, RuntimeError, KeyError) as error:
        raise ValueError(
            "The file is damaged, or not a TFLite classifier of this package. "
            f"Received: {str(file)!r}; {error}"
        ) from error

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        return runner(image=np.ascontiguousarray(images))

    return ExportedModel(file, "tflite", shape, run, card)


def _load_saved_model(
    directory: Path, card: dict | None = None
) -> ExportedModel:
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(directory))
        signature = loaded.signatures[SIGNATURE]
        shape = signature.structured_input_signature[1]["image"].shape[1:]
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise ValueError(
            "The folder is damaged, or not a SavedModel of this package. "
            f"Received: {str(directory)!r}; {error}"
        ) from error

    def run(images: np.ndarray, owner: Any = loaded) -> dict[str, np.ndarray]:
        # A signature does not keep alive what it was loaded with.
        outputs = signature(image=tf.constant(images))
        return {name: value.numpy() for name, value in outputs.items()}

    return ExportedModel(directory, "saved_model", tuple(shape), run, card)


def _read_card(folder: Path) -> dict | None:
    file = folder / "model_card.json"
    if not file.exists():
        return None
    try:
        card = json.loads(file.read_text("utf-8"))
        card["labels"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"The model card is damaged. Received: {str(file)!r}; {error}"
        ) from error
    return card
