import io

import numpy as np
import pytest
from PIL import Image

from keras_attention.training import plots
from keras_attention.training.plots.layout import draw_rows
from keras_attention.training.plots.marks import rectangle
from keras_attention.training.plots.rows import Row, Step

PANEL = np.zeros((8, 8, 3))


def row(height=30, width=30, num_steps=3, num_panels=1, **options):
    steps = [Step([PANEL] * num_panels)] * num_steps
    return Row(np.zeros((height, width, 3)), steps, **options)


def inches(axes):
    """(left, bottom, right, top) in inches."""
    width, height = axes.get_figure().get_size_inches()
    return axes.get_position().extents * [width, height, width, height]


@pytest.mark.parametrize(("num_steps", "num_panels"), [(1, 4), (2, 1), (7, 3)])
@pytest.mark.parametrize("size", [(28, 28), (28, 480), (480, 60), (5, 480)])
def test_nothing_lies_on_something_else_or_outside(num_steps, num_panels, size):
    given = row(*size, num_steps, num_panels, probabilities=np.eye(30)[:, :4])
    figure = draw_rows([given, given])
    width, height = figure.get_size_inches()
    boxes = np.array([inches(axes) for axes in figure.axes])
    assert len(boxes) == 2 * (1 + num_steps * (num_panels + 1))
    assert (boxes[:, :2] > 0).all()
    assert (boxes[:, 2:] < [width, height]).all()
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    overlap = (high - low > 1e-6).all(-1)
    np.testing.assert_array_equal(overlap, np.eye(len(boxes), dtype=bool))


@pytest.mark.parametrize("num_steps", [3, 6, 8])
def test_pictures_are_as_wide_as_the_text_of_a_readme(num_steps):
    width, _ = draw_rows([row(num_steps=num_steps)]).get_size_inches()
    assert width == pytest.approx(8.16, abs=0.01)


def test_a_look_outside_is_in_view_but_not_one_far_away():
    near = rectangle((-5, 10, 5, 20))
    far = rectangle((500, 10, 510, 20))
    steps = [Step([PANEL], outlines=[near, far])]
    x0, y0, x1, y1 = Row(np.zeros((40, 40, 3)), steps).view()
    assert -6 < x0 < -5
    assert (y0, y1) == (-0.5, 39.5)
    assert x1 == pytest.approx(39.5 + 0.35 * 40)


def test_a_look_at_no_place_is_not_drawn():
    steps = [Step([PANEL], outlines=[np.full((4, 2), np.nan)])]
    given = Row(np.zeros((40, 40, 3)), steps)
    assert given.view() == (-0.5, -0.5, 39.5, 39.5)
    assert draw_rows([given]).axes[0].lines[:] == []


def test_a_long_title_is_wrapped():
    figure = draw_rows([row(title="one two three four " * 5)])
    text = figure.texts[0].get_text()
    assert text.count("\n") >= 3
    right = figure.texts[0].get_window_extent().x1
    assert right < figure.axes[1].get_window_extent().x0


def test_bars_show_the_probabilities_of_the_classes_that_were_once_likely():
    probabilities = np.array(
        [[0.1, 0.7, 0.05, 0.15, 0.0], [0.0, 0.0, 0.1, 0.3, 0.6]]
    )
    figure = draw_rows([row(num_steps=2, probabilities=probabilities)])
    first, second = (
        [text.get_text() for text in axes.texts]
        for axes in (figure.axes[2], figure.axes[4])
    )
    # The last answer on top, then what it thought at last.
    assert first == ["4", "0%", "3", "15%", "1", "70%"]
    assert second == ["4", "60%", "3", "30%", "1", "0%"]
    widths = [bar.get_width() for bar in figure.axes[4].patches]
    assert widths == [1, 0.6, 1, 0.3, 1, 0.0]


def test_a_figure_becomes_a_png_file_and_pixels():
    figure = draw_rows([row()])
    picture = Image.open(io.BytesIO(plots.png(figure)))
    assert picture.format == "PNG"
    np.testing.assert_array_equal(
        np.asarray(picture.convert("RGB")), plots.pixels(figure)
    )
