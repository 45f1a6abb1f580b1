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
import tensorflow as tf

from . import card, files, kinds, verify
from .explain import described
from .float32 import in_float32
from .inputs import checked_spec
from .predict import saved_model_versions
from .references import as_taken, keras_outputs

CARD = "model_card.json"
PARTS = {"saved_model", CARD, files.TFLITE, *files.FORMATS.values()}
STAGING_PREFIX = ".keras-attention-export-"


def export_model(
    model: keras.Model,
    out: str | Path,
    *,
    examples: Any,
    formats: Sequence[str] = (),
    labels: Sequence[Any] | None = None,
    image_spec: tf.TensorSpec | None = None,
    metadata: dict | None = None,
    max_accuracy_drop: float = 0.5,
) -> dict[str, Any]:
    """Exports a classifier, checked, with a model card.

    Writes `saved_model/1/` (as TensorFlow Serving expects it, with requests
    to warm up), `model.tflite` and `model_card.json`, and what else is asked
    for. All files are run in clean processes and compared with Keras before
    anything appears in `out`. Exporting again into the same folder adds
    `saved_model/2/` and replaces the others.

    Args:
        model: built keras model, images to scores (B, K).
        out: folder to write: new, empty, or of an earlier export.
        examples: (N, H, W, C) real images to compare on, uint8 or floating
            in [0, 1]; or a pair of them and their classes (N,), and then the
            accuracy of each file is measured too.
        formats: which of `"float16"`, `"dynamic_range"`, `"int8"` (further
            kinds of TFLite, see `export_tflite`), `"onnx"` and `"web"` (what
            the page in a browser reads) to write as well.
        labels: names of the K classes; by default their numbers.
        image_spec: of the images that the files take, see
            `export_saved_model`.
        metadata: what else the card is to say; anything that JSON can hold.
        max_accuracy_drop: percentage points of accuracy that a file may lose
            against Keras, where there are classes.

    Returns:
        The card.

    Raises:
        ExportError: if an exported model does not agree with Keras, or loses
            more accuracy than it may.
        ValueError: if an argument is wrong, or `out` holds other files.
        OSError: if `out` cannot be written.
    """
    out = Path(out).resolve()
    check_folder(out)
    files.check_formats(formats)
    metadata = card.checked_metadata(metadata)
    images, classes = (
        examples if isinstance(examples, tuple) else (examples, None)
    )
    spec = checked_spec(model, image_spec)
    images = verify.checked_examples(model, images, spec)
    model = in_float32(model)
    taken = as_taken(images, spec)
    outputs = keras_outputs(model, taken)
    classes = _checked_classes(classes, images)
    labels = card.checked_labels(labels, outputs["probabilities"].shape[-1])
    version = max(saved_model_versions(out), default=0) + 1
    with _staging(out) as folder:
        written = files.write_files(
            model, folder, version, spec, formats, taken, labels
        )
        exact = {name: written[name] for name in files.EXACT if name in written}
        parity = verify.verify_export(model, exact, images, spec)
        measures = {
            file.name: kinds.measured(file, taken, outputs, classes)
            for name, file in written.items()
            if name in files.KINDS
        }
        accuracy = None
        if classes is not None:
            accuracy = float(np.mean(outputs["class"] == classes))
            kinds.check_accuracy(measures, accuracy, max_accuracy_drop)
        made = card.model_card(
            model,
            folder,
            spec,
            outputs,
            described(model, tf.constant(images[:1])),
            {"parity": parity, "tflite": measures, "accuracy": accuracy},
            labels,
            metadata,
        )
        text = json.dumps(made, indent=2, ensure_ascii=False)
        (folder / CARD).write_text(text + "\n", "utf-8")
        _move_in(folder, out)
    return made


def _checked_classes(classes: Any, images: np.ndarray) -> np.ndarray | None:
    if classes is None:
        return None
    classes = np.asarray(classes)
    if classes.shape != (len(images),):
        raise ValueError(
            "`examples` must be images, or a pair of images and one class for "
            f"each. Received: images.shape={images.shape}, "
            f"classes.shape={classes.shape}"
        )
    return classes


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
        text = (out / CARD).read_text("utf-8")
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
        for name in PARTS - {"saved_model"}:
            if (folder / name).exists():
                os.replace(folder / name, out / name)
            else:  # of an earlier export of other weights
                (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise OSError(
            f"The export could not be moved to {out}: {error}. Check the "
            "folder and export again."
        ) from error
