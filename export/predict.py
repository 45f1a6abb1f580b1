"""Predictions from exported files."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from .runtimes import (
    SIGNATURE,
    Runtime,
    load_onnx,
    load_saved_model,
    load_tflite,
)

# Float images may leave [0, 1] by this much: resizing rounds.
RANGE_SLACK = 1e-3


class ExportedModel:
    """A classifier that was loaded from exported files.

    Not to be called from two threads at once.

    Attributes:
        path: the file or the folder that it was loaded from.
        runtime: the `Runtime` that runs it.
        format: `"tflite"`, `"saved_model"` or `"onnx"`.
        input_shape: (H, W, C) of the images; None where a side is free.
        signatures: names of what it can be asked.
        card: the model card, where it was loaded from an export folder.
        labels: names of the classes, where there is a card.
    """

    def __init__(self, path: Path, runtime: Runtime, card: dict | None = None):
        """Made by `load_exported`."""
        self.path = path
        self.runtime = runtime
        self.format = runtime.format
        self.input_shape = runtime.image_shape[1:]
        self.signatures = tuple(runtime.signatures)
        self.card = card
        self.labels = card["labels"] if card else None

    def predict(self, images: Any) -> dict[str, np.ndarray]:
        """Classifies images.

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
        return self._ask(SIGNATURE, images)

    def explain(self, images: Any) -> dict[str, np.ndarray]:
        """Classifies images, and says where it looked in their pixels.

        Args:
            images: as of `predict`.

        Returns:
            As `predict`, with what the signature `explain` adds: such as
            `squares` (B, T, S, 4) and `step_probabilities` (B, T, K).

        Raises:
            ValueError: as `predict`, and if the file has no `explain`.
        """
        return self._ask("explain", images)

    def sample(
        self, images: Any, seed: int | None = None
    ) -> dict[str, np.ndarray]:
        """Classifies images, looking where chance decides.

        Args:
            images: as of `predict`.
            seed: the same seed gives the same answers; None others each time.

        Returns:
            As `predict`.

        Raises:
            ValueError: as `predict`, and if the file has no `sample`.
        """
        self._check_signature("sample")
        width = self.runtime.signatures["sample"]["noise"][1]
        generator = np.random.default_rng(seed)
        noise = generator.random((len(images), width), dtype="float32")
        return self._ask("sample", images, noise=noise)

    def _ask(
        self, signature: str, images: Any, **others: np.ndarray
    ) -> dict[str, np.ndarray]:
        self._check_signature(signature)
        images = checked_images(images, self.input_shape)
        inputs = {"image": self._as_taken(images), **others}
        count = len(images)
        if not count:  # not every operation of every runtime takes none
            inputs = {
                name: np.zeros((1, *value.shape[1:]), value.dtype)
                for name, value in inputs.items()
            }
        outputs = self.runtime.answer(signature, inputs)
        return {name: value[:count] for name, value in outputs.items()}

    def _as_taken(self, images: np.ndarray) -> np.ndarray:
        """Images as the file takes them; to uint8 they are rounded."""
        if self.runtime.dtype == "uint8":
            images = np.round(images * 255).clip(0, 255).astype("uint8")
        return np.ascontiguousarray(images)

    def _check_signature(self, signature: str) -> None:
        if signature not in self.signatures:
            raise ValueError(
                f"{self.path} has no signature {signature!r}, only "
                f"{', '.join(self.signatures)}."
            )


def load_exported(
    path: str | Path, num_threads: int | None = None
) -> ExportedModel:
    """Loads an exported classifier.

    Args:
        path: an export folder, whose TFLite file is taken, a `.tflite` or
            `.onnx` file, a SavedModel, or the folder `saved_model` of an
            export, whose newest is taken.
        num_threads: threads of the runtimes of TFLite and ONNX; None leaves
            them the choice.

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
        load = load_onnx if path.suffix == ".onnx" else load_tflite
        return ExportedModel(path, load(path, num_threads))
    if (path / "saved_model.pb").exists():
        return ExportedModel(path, load_saved_model(path))
    if path.name == "saved_model" and saved_model_versions(path.parent):
        return load_exported_saved_model(path.parent)
    file = path / "model.tflite"
    if file.is_file():
        card = _read_card(path)
        return ExportedModel(file, load_tflite(file, num_threads), card)
    if saved_model_versions(path):
        return load_exported_saved_model(path)
    raise ValueError(
        "The folder holds neither model.tflite nor a SavedModel. Received: "
        f"path={str(path)!r}"
    )


def load_exported_saved_model(path: str | Path) -> ExportedModel:
    """Loads an exported SavedModel, also where there is a TFLite file.

    Args:
        path: an export folder, whose newest SavedModel is taken, or the
            folder of a SavedModel.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no SavedModel of this package, or a damaged
            one.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            "There is no exported model: give a folder that `keras-attention "
            f"export` wrote, or a SavedModel. Received: path={str(path)!r}"
        )
    if (path / "saved_model.pb").exists():
        return ExportedModel(path, load_saved_model(path))
    versions = saved_model_versions(path)
    if not versions:
        raise ValueError(
            f"There is no SavedModel there. Received: path={str(path)!r}"
        )
    newest = path / "saved_model" / str(versions[-1])
    return ExportedModel(newest, load_saved_model(newest), _read_card(path))


def checked_images(images: Any, shape: tuple[int | None, ...]) -> np.ndarray:
    """Images as float32 in [0, 1], or an error that says what is wrong."""
    images = np.asarray(images)
    fits = images.ndim == 4 and all(
        side in (None, size)
        for side, size in zip(shape, images.shape[1:], strict=True)
    )
    if not fits:
        sides = ", ".join(
            "any" if side is None else str(side) for side in shape
        )
        raise ValueError(
            f"`images` must have the shape (batch, {sides}). "
            f"Received: images.shape={images.shape}"
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
