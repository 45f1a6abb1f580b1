"""The folder of an export: written aside, checked, then moved in at once."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from . import card, verify
from .float32 import in_float32
from .predict import saved_model_versions
from .saved_model import export_saved_model
from .tflite import convert_to_tflite

PARTS = {"saved_model", "model.tflite", "model_card.json"}
STAGING_PREFIX = ".keras-attention-export-"


def export_model(
    model: keras.Model,
    out: str | Path,
    *,
    examples: Any,
    labels: Sequence[Any] | None = None,
    metadata: dict | None = None,
) -> dict[str, Any]:
    """Exports a classifier in both formats, checked, with a model card.

    Writes `saved_model/1/` (as TensorFlow Serving expects it),
    `model.tflite` and `model_card.json`. Both models are run in clean
    processes and compared with Keras before anything appears in `out`.
    Exporting again into the same folder adds `saved_model/2/` and replaces
    the other two.

    Args:
        model: built keras model, images to scores (B, K).
        out: folder to write: new, empty, or of an earlier export.
        examples: (N, H, W, C) real images to compare on, uint8 or floating
            in [0, 1].
        labels: names of the K classes; by default their numbers.
        metadata: what else the card is to say; anything that JSON can hold.

    Returns:
        The card.

    Raises:
        ExportError: if an exported model does not agree with Keras.
        ValueError: if an argument is wrong, or `out` holds other files.
        OSError: if `out` cannot be written.
    """
    out = Path(out).resolve()
    check_folder(out)
    metadata = card.checked_metadata(metadata)
    examples = verify.checked_examples(model, examples)
    model = in_float32(model)
    shapes = _shapes(model, examples[:1])
    labels = card.checked_labels(labels, shapes["probabilities"][-1])
    version = max(saved_model_versions(out), default=0) + 1
    with _staging(out) as folder:
        saved_model = folder / "saved_model" / str(version)
        saved_model.parent.mkdir()
        export_saved_model(model, saved_model, input_shape=examples.shape[1:])
        tflite = convert_to_tflite(saved_model, folder / "model.tflite")
        parity = verify.verify_export(model, saved_model, tflite, examples)
        described = card.model_card(
            model, folder, parity, shapes, labels, metadata
        )
        text = json.dumps(described, indent=2, ensure_ascii=False)
        (folder / "model_card.json").write_text(text + "\n", "utf-8")
        _move_in(folder, out)
    return described


def check_folder(out: Path) -> None:
    """Raises `ValueError` unless `out` is new, empty or an export."""
    if out.exists() and not out.is_dir():
        raise ValueError(
            "`out` must be a folder, and this is a file: choose another. "
            f"Received: out={str(out)!r}"
        )
    if not out.exists():
        return
    names = [path.name for path in out.iterdir()]
    foreign = [
        name
        for name in names
        if name not in PARTS and not name.startswith(STAGING_PREFIX)
    ]
    if foreign or (PARTS & set(names) and not _is_export(out)):
        raise ValueError(
            "`out` holds files that are not an export of this package, and "
            "is left alone: choose a new or empty folder. Received: "
            f"out={str(out)!r} with {sorted(foreign or names)[:5]}"
        )


def _is_export(out: Path) -> bool:
    try:
        text = (out / "model_card.json").read_text("utf-8")
        known = json.loads(text).get("kind") == card.KIND
    except (OSError, ValueError, AttributeError):
        return False
    saved_models = out / "saved_model"
    return (
        known
        and saved_models.is_dir()
        and all(path.name.isdecimal() for path in saved_models.iterdir())
    )


@contextlib.contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """An empty folder on the same file system as `out`, gone afterwards."""
    beside = out
    while not beside.exists():
        beside = beside.parent
    try:
        staging = tempfile.TemporaryDirectory(prefix=STAGING_PREFIX, dir=beside)
    except OSError as error:
        raise OSError(
            f"The export cannot be written to {out}: {error}. Choose a "
            "folder that you may write to."
        ) from error
    with staging as folder:
        # The outer folder is for its owner only; what is moved in is not.
        inner = Path(folder, "export")
        inner.mkdir()
        yield inner


def _move_in(folder: Path, out: Path) -> None:
    try:
        if not out.exists():
            out.parent.mkdir(parents=True, exist_ok=True)
            os.rename(folder, out)
            return
        (out / "saved_model").mkdir(exist_ok=True)
        for saved_model in (folder / "saved_model").iterdir():
            os.rename(saved_model, out / "saved_model" / saved_model.name)
        for name in ("model.tflite", "model_card.json"):
            os.replace(folder / name, out / name)
    except OSError as error:
        raise OSError(
            f"The export could not be moved to {out}: {error}. Check the "
            "folder and export again."
        ) from error


def _shapes(model: keras.Model, examples: np.ndarray) -> dict[str, list]:
    """Shapes of the image and of all outputs, None for the batch."""
    outputs = verify.keras_outputs(model, examples)
    shapes = {"image": examples.shape}
    shapes |= {name: value.shape for name, value in outputs.items()}
    return {name: [None, *shape[1:]] for name, shape in shapes.items()}
