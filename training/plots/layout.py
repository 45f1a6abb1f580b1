"""The layout of a picture: a row for each image, a column for each step.

It places and draws what `rows` defines. Sizes are in inches, so that pictures
of all kinds have the same letters and lines, and one of six steps is as wide
as the text of a README.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from . import marks
from .bars import LINE, draw_bars
from .rows import Row, finite

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


def draw_rows(rows: Sequence[Row]) -> Figure:
    """Draws rows, at least one, below each other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plans = [_Plan(row) for row in rows]
    left = max(plan.left for plan in plans)
    width = left + max(plan.steps_width for plan in plans) + 2 * MARGIN
    height = sum(plan.height + ROW_GAP for plan in plans)
    height += 2 * MARGIN - ROW_GAP
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    top = MARGIN
    for plan in plans:
        plan.draw(figure, top, left)
        top += plan.height + ROW_GAP
    return figure


def pixels(figure: Figure) -> np.ndarray:
    """A figure as an array, (height, width, 3) of uint8."""
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())[..., :3]


def png(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


class _Plan:
    """Where the parts of a row stand, in inches from its top left."""

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
        self.wide = aspect < 1 / WIDE
        self.steps_width = across * (self.panel + GAP) - GAP
        longest = max(OVERVIEW, self.steps_width) if self.wide else OVERVIEW
        self.overview = _fit(aspect, longest)
        text_width = max(self.overview[0], NARROWEST)
        self.title = _wrapped(row.title, text_width, 0.078)
        self.note = _wrapped(row.note, text_width, 0.056)
        self.head = max(CAPTION, TITLE * len(self.title))
        self._plan_a_line()
        left = self.overview[1] + NOTE * len(self.note)
        right = -(-num_steps // STEPS_A_LINE) * self.line_height
        if self.wide:
            self.left = max(0.0, text_width - self.steps_width)
            self.steps_top = self.head + left + GAP
            self.height = self.steps_top + right
        else:
            self.left = text_width + 2 * GAP
            # The numbers of the first line of steps stand beside the title.
            self.steps_top = self.head - CAPTION
            self.height = self.head + max(left, right - CAPTION)

    def _plan_a_line(self) -> None:
        """How high a line of steps is, and what in it."""
        row = self.row
        panels = [panel for step in row.steps for panel in step.panels]
        self.panel_height = max(
            _fit(panel.shape[0] / panel.shape[1], self.panel)[1]
            for panel in panels
        )
        self.num_classes, self.bars = 0, 0.0
        if row.probabilities is not None:
            self.num_classes = min(CLASSES, row.probabilities.shape[1])
            self.bars = self.num_classes * LINE + GAP
        seen = self.num_panels * (self.panel_height + GAP)
        self.line_height = CAPTION + seen + self.bars

    def draw(self, figure: Figure, top: float, left: float) -> None:
        """Draws the row below `top`, its steps right of `left`."""
        width, height = self.overview
        title, note = "\n".join(self.title), "\n".join(self.note)
        _text(figure, MARGIN, top, title, 9.5, marks.DARK)
        below = top + self.head
        axes = _axes(figure, MARGIN, below, width, height)
        _draw_overview(axes, self.row)
        _text(figure, MARGIN, below + height + 0.04, note, 6.5, marks.GREY)
        for i, step in enumerate(self.row.columns):
            line, column = divmod(i, STEPS_A_LINE)
            x = MARGIN + (0 if self.wide else left)
            x += column * (self.panel + GAP)
            y = top + self.steps_top + line * self.line_height
            self._draw_step(figure, x, y, step)

    def _draw_step(self, figure: Figure, x: float, y: float, t: int) -> None:
        step, total = self.row.steps[t], len(self.row.steps)
        colour = marks.step_colour(t, total)
        _text(figure, x, y + 0.02, str(t + 1), 8, marks.DARK, weight="bold")
        right = x + self.panel
        _text(figure, right, y + 0.035, step.caption, 6.5, marks.GREY, "right")
        y += CAPTION
        for panel in step.panels:
            width, height = _fit(panel.shape[0] / panel.shape[1], self.panel)
            left = x + (self.panel - width) / 2
            axes = _axes(figure, left, y, width, height)
            marks.show(axes, panel)
            marks.frame(axes, colour, 1.2)
            y += self.panel_height + GAP
        if self.bars:
            height = self.bars - GAP
            axes = _axes(figure, x, y, self.panel, height)
            draw_bars(
                axes,
                self.row.probabilities,
                t,
                self.num_classes,
                colour,
                self.row.class_names,
            )


def _draw_overview(axes: Axes, row: Row) -> None:
    height, width = row.pixels.shape[:2]
    marks.show(axes, row.pixels)
    axes.set_facecolor(marks.PALE)
    x0, y0, x1, y1 = row.view()
    axes.set_xlim(x0, x1)
    axes.set_ylim(y1, y0)
    for box in row.boxes:
        marks.true_box(axes, box, (height, width))
    drawn = range(row.columns[-1] + 1)
    total = len(row.steps)
    for t in drawn:
        colour = marks.step_colour(t, total)
        for corners in finite(row.steps[t].faint):
            marks.faint_outline(axes, corners, colour)
        for corners in finite(row.steps[t].outlines):
            marks.outline(axes, corners, colour)
    if row.path is not None:
        marks.path(axes, row.path[: drawn[-1] + 1])
    numbered = [
        (corners, t) for t in drawn for corners in finite(row.steps[t].outlines)
    ]
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
