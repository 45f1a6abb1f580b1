import numpy as np
import pytest

from keras_attention.training import Looked
from keras_attention.training.plots.masks import item_row, mask_row
from keras_attention.training.plots.shown import Shown


def looked(kind, attention, image_shape=(24, 24), **geometry):
    attention = {name: np.array(one)[None] for name, one in attention.items()}
    scores = np.zeros((1, 2))
    return Looked(kind, "layer", image_shape, scores, attention, geometry)


def glow(panel):
    """How much redder than blue each pixel is, the most of it 1."""
    apart = panel[..., 0] - panel[..., 2]
    return apart / apart.max()


@pytest.mark.parametrize("shade", [0.0, 1.0])
@pytest.mark.parametrize("channels", [1, 3, 4, 5])
def test_a_mask_glows_at_its_place_on_dark_and_light_images(shade, channels):
    weights = np.full((2, 3, 4), 0.02)
    weights[0, 0, 0] = weights[1, 2, 3] = 0.78
    seen = looked("mask", {"attention_weights": weights}, (30, 40))
    shown = Shown(np.full((30, 40, channels), shade))
    first, second = (step.panels[0] for step in mask_row(seen, 0, shown).steps)
    height, width = first.shape[:2]
    assert (height, width) == (180, 240)  # six times as large
    # The middle of the cell is brightest, the other corner hardly glows.
    assert glow(first)[height // 6, width // 8] > 0.95
    assert glow(first)[-1, -1] < 0.1
    assert glow(second)[-height // 6, -width // 8] > 0.95
    assert glow(second)[0, 0] < 0.1


def test_a_mask_is_enlarged_smoothly():
    weights = np.array([[[0.0, 1.0], [0.0, 0.0]]])
    seen = looked("mask", {"attention_weights": weights})
    (step,) = mask_row(seen, 0, Shown(np.zeros((24, 24, 1)))).steps
    along = glow(step.panels[0])[60]
    assert np.abs(np.diff(along)).max() < 0.02
    assert step.caption == "max 100%"


def test_weights_of_items_glow_in_their_cells():
    weights = np.full((1, 6), 0.1)
    weights[0, 4] = 0.5  # row 1, column 1 of 2 x 3
    seen = looked("items", {"attention_weights": weights}, item_grid=(2, 3))
    (step,) = item_row(seen, 0, Shown(np.zeros((24, 24, 1)))).steps
    bright = glow(step.panels[0]) > 0.9
    height, width = bright.shape
    expected = np.zeros_like(bright)
    expected[height // 2 :, width // 3 : 2 * width // 3] = True
    np.testing.assert_array_equal(bright, expected)


def test_chosen_items_are_framed_and_the_others_in_fog():
    seen = looked(
        "items",
        {
            "attention_weights": np.full((2, 6), 1 / 6),
            "indices": [[4, 0], [2, -1]],
        },
        item_grid=(2, 3),
    )
    row = item_row(seen, 0, Shown(np.zeros((24, 24, 1))))
    edges = [
        [(*corners.min(0), *corners.max(0)) for corners in step.outlines]
        for step in row.steps
    ]
    # Cells are 8 wide and 12 high, from half a pixel before the first.
    assert edges == [
        [(7.5, 11.5, 15.5, 23.5), (-0.5, -0.5, 7.5, 11.5)],
        [(15.5, -0.5, 23.5, 11.5)],
    ]
    clear = row.steps[1].panels[0][..., 0] == 0
    height, width = clear.shape
    assert clear[: height // 2, 2 * width // 3 :].all()
    assert clear.sum() == height * width // 6


@pytest.mark.parametrize("chosen", [False, True])
def test_items_that_lie_nowhere_are_shown_side_by_side(chosen):
    attention = {"attention_weights": [[0.1, 0.6, 0.3]]}
    if chosen:
        attention["indices"] = [[1, 2]]
    seen = looked("items", attention, item_grid=None)
    row = item_row(seen, 0, Shown(np.zeros((24, 24, 1))))
    filled = row.steps[0].panels[0][..., 2] < 0.5
    heights = filled.mean(axis=0)[[10, 30, 50]]
    np.testing.assert_allclose(heights, [1 / 6, 1, 0.5], atol=0.02)
    assert row.steps[0].caption == ("1, 2" if chosen else "max 60%")
    assert row.note == "3 items"


def test_a_mask_that_is_no_number_does_not_glow():
    seen = looked("mask", {"attention_weights": np.full((1, 2, 2), np.nan)})
    (step,) = mask_row(seen, 0, Shown(np.zeros((24, 24, 1)))).steps
    assert np.ptp(step.panels[0]) == 0
