"""Class probabilities as bars with their names and values written on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from . import marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE = 0.145  # inches from one class to the next
LONGEST = 12  # letters of a name, beside which its value has room


def draw_bars(
    axes: Axes,
    probabilities: np.ndarray,
    step: int,
    num_classes: int,
    colour: tuple[float, ...],
    class_names: Sequence[str] | None = None,
) -> None:
    """Draws the probabilities after one step.

    The classes are the same, in the same order, at every step: those that
    were once most probable, the one it ends with at the top.

    Args:
        axes: Where to draw.
        probabilities: (T, K).
        step: Which of the T.
        num_classes: Of how many classes.
        colour: Of the most probable class now; the others are grey.
        class_names: K names; by default the numbers of the classes.
    """
    most = np.argsort(-probabilities.max(axis=0), kind="stable")[:num_classes]
    classes = most[np.argsort(-probabilities[-1, most], kind="stable")]
    now = probabilities[step, classes]
    best = np.argmax(probabilities[step])
    # So light that text can be read on it.
    tint = 0.45 + 0.55 * np.array(colour[:3])
    for i, (label, value) in enumerate(zip(classes, now, strict=True)):
        name = str(label if class_names is None else class_names[label])
        if len(name) > LONGEST:
            name = f"{name[: LONGEST - 1]}…"
        filled = tint if label == best else "#c9c9c9"
        axes.barh(i, 1, height=0.84, color=marks.PALE)
        axes.barh(i, value, height=0.84, color=filled)
        font = {
            "fontsize": 6.5,
            "color": marks.DARK,
            "va": "center_baseline",
            "weight": "bold" if label == best else "normal",
        }
        axes.text(0.03, i, name, **font)
        axes.text(0.97, i, f"{value:.0%}", ha="right", **font)
    axes.set_xlim(0, 1)
    axes.set_ylim(num_classes - 0.5, -0.5)
    axes.set_axis_off()
