"""The layout of a picture: a row for each image, a column for each step.

Every kind of attention is brought into one form, a `Row` of plain arrays;
this file alone places and draws it. Sizes are in inches, so that pictures of
all kinds have the same letters and lines, and one of six steps is as wide as
the text of a README.
"""

from __future__ import annotations

import dataclasses
import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from . import marks
from .bars import LINE, draw_bars

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150
MARGIN = 0.08
OVERVIEW = 2.45  # longest side of an image with its marks
GAP = 0.09
STEPS_A_LINE = 6
STEPS = 5.46  # width of a line of them
CLASSES = 3  # of which probabilities are shown
CAPTION = 0.2
TITLE = 0.2  # height of a line of it
NOTE = 0.13
NARROWEST = 1.3  # of the text beside a narrow image
ROW_GAP = 0.2
# An image so many times wider than high stands above its steps.
WIDE = 2.0
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
        box: True box as in `training.canvases`, or None.
        shown: Numbers of the steps that are in columns; None for all. The
            marks of the steps up to the last of them are on the image.
    """

    pixels: np.ndarray
    steps: Sequence[Step]
    path: np.ndarray | None = None
    title: str = ""
    note: str = ""
    probabilities: np.ndarray | None = None
    box: np.ndarray | None = None
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
        outlines = [o for step in self.steps for o in step.outlines]
        if outlines:
            points = np.concatenate(outlines)
            first, last = points.min(0), points.max(0)
            # The line itself takes some room too.
            line, room = 0.01 * sides, BEYOND * sides
            outside = first < low - line / 2, last > high + line / 2
            low, high = (
                np.where(outside[0], np.maximum(first - line, low - room), low),
                np.where(
                    outside[1], np.minimum(last + line, high + room), high
                ),
            )
        return (*low, *high)


def draw_rows(rows: Sequence[Row]) -> Figure:
    """Draws rows, at least one, below each other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plans = [_Plan(row) for row in rows]
    width = max(plan.width for plan in plans) + 2 * MARGIN
    height = sum(plan.height + ROW_GAP for plan in plans)
    height += 2 * MARGIN - ROW_GAP
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    top = MARGIN
    for plan in plans:
        plan.draw(figure, top)
        top += plan.height + ROW_GAP
    return figure


def png(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


class _Plan:
    """Where the parts of a row stand, from its top left."""

    def __init__(self, row: Row):
        self.row = row
        num_steps = len(row.columns)
        across = min(num_steps, STEPS_A_LINE)
        self.num_panels = max(len(step.panels) for step in row.steps)
        # As large as the line and the height of the image have room for.
        room = min(STEPS / across - GAP, OVERVIEW / self.num_panels)
        self.panel = max(room, STEPS / STEPS_A_LINE - GAP)
        x0, y0, x1, y1 = row.view()
        aspect = (y1 - y0) / (x1 - x0)
        wide = aspect < 1 / WIDE
        steps_width = across * (self.panel + GAP) - GAP
        longest = max(OVERVIEW, steps_width) if wide else OVERVIEW
        self.overview = _fit(aspect, longest)
        text_width = max(self.overview[0], NARROWEST)
        self.title = _wrapped(row.title, text_width, 0.078)
        self.note = _wrapped(row.note, text_width, 0.056)
        self.head = max(CAPTION, TITLE * len(self.title))
        self._plan_a_line()
        left = self.overview[1] + NOTE * len(self.note)
        right = -(-num_steps // STEPS_A_LINE) * self.line_height
        if wide:
            self.width = max(text_width, steps_width)
            self.height = self.head + left + GAP + right
            self.steps_at = (0.0, self.head + left + GAP)
        else:
            self.width = text_width + 2 * GAP + steps_width
            # The numbers of the first line of steps stand beside the title.
            self.height = self.head + max(left, right - CAPTION)
            self.steps_at = (text_width + 2 * GAP, self.head - CAPTION)

    def _plan_a_line(self) -> None:
        """How high a line of steps is, and what in it."""
        row = self.row
        panels = [pixels for step in row.steps for pixels in step.panels]
        self.panel_height = max(
            _fit(pixels.shape[0] / pixels.shape[1], self.panel)[1]
            for pixels in panels
        )
        self.num_classes, self.bars = 0, 0.0
        if row.probabilities is not None:
            self.num_classes = min(CLASSES, row.probabilities.shape[1])
            self.bars = self.num_classes * LINE + GAP
        seen = self.num_panels * (self.panel_height + GAP)
        self.line_height = CAPTION + seen + self.bars

    def draw(self, figure: Figure, top: float) -> None:
        """Draws the row below `top`."""
        width, height = self.overview
        title, note = "\n".join(self.title), "\n".join(self.note)
        _text(figure, MARGIN, top, title, 9.5, marks.DARK)
        below = top + self.head
        axes = _axes(figure, MARGIN, below, width, height)
        _draw_overview(axes, self.row)
        _text(figure, MARGIN, below + height + 0.04, note, 6.5, marks.GREY)
        for i, step in enumerate(self.row.columns):
            line, column = divmod(i, STEPS_A_LINE)
            x = MARGIN + self.steps_at[0] + column * (self.panel + GAP)
            y = top + self.steps_at[1] + line * self.line_height
            self._draw_step(figure, x, y, step)

    def _draw_step(self, figure: Figure, x: float, y: float, t: int) -> None:
        step, total = self.row.steps[t], len(self.row.steps)
        colour = marks.step_colour(t, total)
        _text(figure, x, y + 0.02, str(t + 1), 8, marks.DARK, weight="bold")
        right = x + self.panel
        _text(figure, right, y + 0.035, step.caption, 6.5, marks.GREY, "right")
        y += CAPTION
        for pixels in step.panels:
            width, height = _fit(pixels.shape[0] / pixels.shape[1], self.panel)
            left = x + (self.panel - width) / 2
            axes = _axes(figure, left, y, width, height)
            marks.show(axes, pixels)
            marks.frame(axes, colour, 1.2)
            y += self.panel_height + GAP
        if self.bars:
            height = self.bars - GAP
            axes = _axes(figure, x, y, self.panel, height)
            draw_bars(axes, self.row.probabilities, t, self.num_classes, colour)


def _draw_overview(axes: Axes, row: Row) -> None:
    height, width = row.pixels.shape[:2]
    marks.show(axes, row.pixels)
    axes.set_facecolor(marks.PALE)
    x0, y0, x1, y1 = row.view()
    axes.set_xlim(x0, x1)
    axes.set_ylim(y1, y0)
    if row.box is not None:
        marks.true_box(axes, row.box, (height, width))
    drawn = range(row.columns[-1] + 1)
    total = len(row.steps)
    for t in drawn:
        colour = marks.step_colour(t, total)
        for corners in row.steps[t].faint:
            marks.faint_outline(axes, corners, colour)
        for corners in row.steps[t].outlines:
            marks.outline(axes, corners, colour)
    if row.path is not None:
        marks.path(axes, row.path[: drawn[-1] + 1])
    numbered = [(o, t) for t in drawn for o in row.steps[t].outlines]
    marks.numbers(axes, numbered, total)


def _fit(aspect: float, longest: float) -> tuple[float, float]:
    """Width and height of a given height / width, with a longest side."""
    if aspect > 1:
        return longest / aspect, longest
    return longest, longest * aspect


def _axes(
    figure: Figure, left: float, top: float, width: float, height: float
) -> Axes:
    """Axes at a place in inches from the top left."""
    across, down = figure.get_size_inches()
    bottom = down - top - height
    return figure.add_axes(
        (left / across, bottom / down, width / across, height / down)
    )


def _text(
    figure: Figure,
    left: float,
    top: float,
    text: str,
    size: float,
    colour: str,
    align: str = "left",
    weight: str = "normal",
) -> None:
    across, down = figure.get_size_inches()
    figure.text(
        left / across,
        1 - top / down,
        text,
        fontsize=size,
        color=colour,
        ha=align,
        va="top",
        weight=weight,
    )


def _wrapped(text: str, width: float, letter: float) -> list[str]:
    """Lines of at most a width, for letters of a mean width."""
    return textwrap.wrap(text, int(width / letter))
