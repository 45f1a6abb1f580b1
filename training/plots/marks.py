"""Marks on an image: squares, outlines, numbers, paths.

Every mark has a dark edge beside its colour, so that it can be read on light
and on dark images. The colour says which step it is: from yellow at the first
to violet at the last, a sequence whose lightness falls evenly, so that it can
be read without telling red from green.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..pixels import to_pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase

DARK, LIGHT = "#1c1c1c", "#ffffff"
GREY, PALE = "#6b6b6b", "#ececec"
TRUTH = "#39c5f2"
NUMBER_POINTS = 9  # side of the square behind a number


def step_colour(step: int, num_steps: int) -> tuple[float, ...]:
    """The colour of one of several steps."""
    from matplotlib import colormaps

    done = step / max(num_steps - 1, 1)
    return colormaps["plasma"](0.93 - 0.55 * done)


def show(axes: Axes, pixels: np.ndarray) -> None:
    """Shows the pixels of an image, in a thin grey frame."""
    axes.imshow(
        pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest", zorder=0
    )
    axes.set_xticks([])
    axes.set_yticks([])
    frame(axes, "#bdbdbd", 0.6)


def frame(axes: Axes, colour: object, width: float) -> None:
    """Colours the frame of axes."""
    for side in axes.spines.values():
        side.set_color(colour)
        side.set_linewidth(width)


def outline(
    axes: Axes, corners: np.ndarray, colour: object, width: float = 1.3
) -> None:
    """Draws a closed line through corners (P, 2) in pixels."""
    axes.plot(
        *_closed(corners),
        color=colour,
        linewidth=width,
        path_effects=_dark_edge(width),
        solid_joinstyle="miter",
    )


def faint_outline(axes: Axes, corners: np.ndarray, colour: object) -> None:
    """Draws a thin closed line for what is seen coarsely."""
    axes.plot(
        *_closed(corners), color=colour, linewidth=0.8, alpha=0.55, zorder=1.5
    )


def rectangle(edges: Sequence[float]) -> np.ndarray:
    """Corners (4, 2), clockwise from the top left, of (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = edges
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], "float64")


def _closed(corners: np.ndarray) -> np.ndarray:
    """X and y of a line through corners (P, 2) and back: (2, P + 1)."""
    return np.concatenate([corners, corners[:1]]).T


def path(axes: Axes, points: np.ndarray) -> None:
    """Draws the way through points (T, 2) in pixels."""
    axes.plot(
        *np.asarray(points).T,
        color=LIGHT,
        linewidth=0.7,
        alpha=0.85,
        path_effects=_dark_edge(0.7),
        zorder=1.7,
    )


def true_box(axes: Axes, box: np.ndarray, size: tuple[int, int]) -> None:
    """Draws where the object is, dashed.

    Args:
        axes: Where to draw.
        box: (x_min, y_min, x_max, y_max) of the outer pixels' centres, in
            [-1, 1].
        size: (H, W) of the image.
    """
    x0, y0 = to_pixels(box[:2], size) - 0.5
    x1, y1 = to_pixels(box[2:], size) + 0.5
    line = _closed(rectangle((x0, y0, x1, y1)))
    axes.plot(*line, color=DARK, linewidth=1.6, alpha=0.6, zorder=1.8)
    axes.plot(
        *line, color=TRUTH, linewidth=1.2, linestyle=(0, (3, 2)), zorder=1.9
    )


def numbers(
    axes: Axes, outlines: Sequence[tuple[np.ndarray, int]], total: int
) -> None:
    """Writes the numbers of steps on their outlines, beside each other.

    Args:
        axes: Where to draw, with its limits set.
        outlines: Corners (P, 2) in pixels and the step, counted from 0.
        total: Number of steps there are.
    """
    taken = []
    pixels_per_point = axes.get_figure().dpi / 72
    to_display = axes.transData
    window = axes.get_window_extent()
    reach = NUMBER_POINTS * pixels_per_point
    low = np.array([window.x0, window.y0]) + reach / 2
    high = np.array([window.x1, window.y1]) - reach / 2
    for corners, step in outlines:
        places = to_display.transform(_along(corners))
        places = np.clip(places, low, np.maximum(low, high))
        place = _free(places, taken, reach)
        taken.append(place)
        _number(axes, to_display.inverted().transform(place), step, total)


def _along(corners: np.ndarray, per_side: int = 8) -> np.ndarray:
    """Points along an outline: its corners first, then between them."""
    ahead = np.roll(corners, -1, axis=0)
    between = [
        corners + (ahead - corners) * i / per_side for i in range(per_side)
    ]
    return np.concatenate(between)


def _free(
    places: np.ndarray, taken: list[np.ndarray], reach: float
) -> np.ndarray:
    """The first place that no number covers, or the least covered one."""
    if not taken:
        return places[0]
    apart = np.abs(places[:, None] - np.array(taken)[None]).max(-1).min(-1)
    free = np.flatnonzero(apart >= reach)
    return places[free[0] if len(free) else np.argmax(apart)]


def _number(axes: Axes, place: np.ndarray, step: int, total: int) -> None:
    colour = step_colour(step, total)
    axes.plot(
        *place,
        marker="s",
        markersize=NUMBER_POINTS,
        markerfacecolor=colour,
        markeredgecolor=DARK,
        markeredgewidth=0.5,
        clip_on=False,
        zorder=3 + step / 1000,
    )
    axes.text(
        *place,
        str(step + 1),
        color=readable_on(colour),
        fontsize=7 if step < 9 else 5.5,
        fontweight="bold",
        ha="center",
        va="center_baseline",
        zorder=3 + step / 1000,
    )


def readable_on(colour: Sequence[float]) -> str:
    """Dark or white text, whichever has more contrast on a colour."""
    red, green, blue = (np.asarray(colour[:3]) ** 2.2).tolist()
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return DARK if luminance > 0.18 else LIGHT


def _dark_edge(width: float) -> list[RendererBase]:
    from matplotlib.patheffects import Normal, Stroke

    return [
        Stroke(linewidth=width + 1, foreground=DARK, alpha=0.5),
        Normal(),
    ]
