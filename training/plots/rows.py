"""What is drawn of an image, in one form for every kind of attention."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

# How far beyond the image marks are shown, in sides of the image.
BEYOND = 0.35


@dataclasses.dataclass(frozen=True)
class Step:
    """What is drawn of one look.

    Attributes:
        panels: What was seen, (h, w, 3 or 4) each, one below the other.
        outlines: Corners (P, 2) in pixels of what was looked at.
        faint: The same of what was seen only coarsely.
        caption: A word about it.
    """

    panels: Sequence[np.ndarray]
    outlines: Sequence[np.ndarray] = ()
    faint: Sequence[np.ndarray] = ()
    caption: str = ""


@dataclasses.dataclass
class Row:
    """All that is drawn of one image.

    Attributes:
        pixels: (H, W, 3 or 4), the image.
        steps: What was looked at.
        path: (T, 2), in pixels, or None.
        title: Text above.
        note: What must be known of how the image is shown, below it.
        probabilities: (T, K), of the classes after every step, or None.
        class_names: Of the K classes, or None.
        boxes: True boxes as in `training.canvases`.
        shown: Numbers of the steps that are in columns; None for all. The
            marks of the steps up to the last of them are on the image.
    """

    pixels: np.ndarray
    steps: Sequence[Step]
    path: np.ndarray | None = None
    title: str = ""
    note: str = ""
    probabilities: np.ndarray | None = None
    class_names: Sequence[str] | None = None
    boxes: Sequence[np.ndarray] = ()
    shown: Sequence[int] | None = None

    @property
    def columns(self) -> Sequence[int]:
        """Numbers of the steps in columns."""
        return range(len(self.steps)) if self.shown is None else self.shown

    def view(self) -> tuple[float, float, float, float]:
        """x_min, y_min, x_max, y_max of what is shown: the image, and marks."""
        height, width = self.pixels.shape[:2]
        sides = np.array([width, height])
        low, high = np.array([-0.5, -0.5]), sides - 0.5
        outlines = [
            corners for step in self.steps for corners in finite(step.outlines)
        ]
        if outlines:
            points = np.concatenate(outlines)
            first, last = points.min(0), points.max(0)
            # The line itself takes some room too.
            line, room = 0.01 * sides, BEYOND * sides
            first = np.where(first < low - line / 2, first - line, low)
            last = np.where(last > high + line / 2, last + line, high)
            low = np.maximum(first, low - room)
            high = np.minimum(last, high + room)
        return (*low, *high)


def finite(outlines: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Those that can be drawn: a model that diverged looks at no place."""
    return [corners for corners in outlines if np.isfinite(corners).all()]
