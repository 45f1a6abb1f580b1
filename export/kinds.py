"""What each kind of TFLite file costs and loses, on real images."""

from pathlib import Path

import numpy as np

from .clean_run import ExportError, run_in_clean_process
from .signatures import DEFAULT

Arrays = dict[str, np.ndarray]


def measured(
    file: Path,
    images: np.ndarray,
    reference: Arrays,
    classes: np.ndarray | None = None,
) -> dict[str, float]:
    """Compares a TFLite file of any kind with the Keras model.

    Args:
        file: the file; it runs in a clean process, one image at a time.
        images: (N, H, W, C) as it takes them.
        reference: outputs of the Keras model, arrays (N, ...) by name.
        classes: (N,) the right classes, if they are known.

    Returns:
        Dict of `bytes`, `latency_ms` (median on one thread of one image, or
        of a batch where the file takes no fewer),
        `class_agreement` (share of the images whose class is that of Keras),
        `location_distance` (median over images of the greatest distance of a
        location, 2 is the width of the image) where there are locations, and
        `accuracy` where the classes are known.
    """
    answers = run_in_clean_process(file, {DEFAULT: {"image": images}})
    _, found = answers.signatures[DEFAULT]
    agreement = found["class"] == reference["class"]
    figures = {
        "bytes": file.stat().st_size,
        "latency_ms": answers.latency_ms,
        "class_agreement": float(np.mean(agreement)),
    }
    moved = [
        np.abs(found[name] - reference[name]).reshape(len(images), -1).max(1)
        for name in reference
        if name.endswith("location")
    ]
    if moved:
        figures["location_distance"] = float(np.median(np.max(moved, axis=0)))
    if classes is not None:
        figures["accuracy"] = float(np.mean(found["class"] == classes))
    return figures


def check_accuracy(
    kinds: dict[str, dict[str, float]], accuracy: float, most: float
) -> None:
    """Raises `ExportError` where a kind lost more points than it may.

    Args:
        kinds: names of files to what `measured` gives, with `accuracy`.
        accuracy: of the Keras model.
        most: percentage points that may be lost.
    """
    for name, figures in kinds.items():
        lost = 100 * (accuracy - figures["accuracy"])
        if lost > most:
            raise ExportError(
                f"{name} loses {lost:.2f} points of accuracy: "
                f"{figures['accuracy']:.2%} instead of {accuracy:.2%}, where "
                f"at most {most} may be lost. Leave this kind out, or allow "
                "it with `max_accuracy_drop` (--max-accuracy-drop)."
            )
