"""Makes the golden pictures, one of each kind, from inputs made by hand.

Run `python tests/training/make_golden_pictures.py` after a change that is
meant to change pictures, and look at every one of them before you commit it.
"""

import dataclasses
import pathlib

import numpy as np

from keras_attention.training import Looked, plots
from keras_attention.training.plots.attention import make_rows
from keras_attention.training.plots.layout import draw_rows

GOLDEN = pathlib.Path(__file__).with_name("golden")
SIDE = 48


def scene():
    """A white cross on a ground that grows lighter from the left."""
    y, x = np.mgrid[:SIDE, :SIDE]
    image = 0.75 * x / SIDE
    cross = (abs(x - 30) < 3) & (abs(y - 18) < 11)
    cross |= (abs(y - 18) < 3) & (abs(x - 30) < 11)
    image[cross] = 1
    return image[None, ..., None].astype("float32")


# Running probabilities of four classes over three steps.
PROBABILITIES = np.array(
    [[[0.3, 0.3, 0.2, 0.2], [0.1, 0.6, 0.2, 0.1], [0.02, 0.9, 0.05, 0.03]]]
)
BOX = 2 * np.array([[20, 8, 40, 28]]) / (SIDE - 1) - 1


def looked(kind, attention, **geometry):
    attention = {name: np.array(one) for name, one in attention.items()}
    return Looked(
        kind, "attention", (SIDE, SIDE), PROBABILITIES, attention, geometry
    )


def glimpses():
    """Three of two scales; one reaches beyond the image."""
    places = [[-0.4, 0.5], [0.1, -0.1], [0.95, -0.6]]
    return looked(
        "glimpses",
        {"location": [np.array(places, "float32")]},
        glimpse_size=12,
        num_scales=2,
        interpolation="nearest",
        fill_value=0.0,
        map_shape=(SIDE, SIDE),
    )


def mask():
    """A hill that goes from the left to the cross."""
    y, x = np.mgrid[:8, :8]
    hills = [
        np.exp(-((x - at) ** 2 + (y - 3) ** 2) / width)
        for at, width in ((1, 6), (3, 4), (5, 2))
    ]
    weights = [hill / hill.sum() for hill in hills]
    return looked("mask", {"attention_weights": [weights]}, map_shape=(8, 8))


def items():
    """The weights of 4x4 patches."""
    weights = np.full((3, 16), 1 / 32)
    for step, item in enumerate((5, 6, 2)):
        weights[step, item] += 0.5
    return looked("items", {"attention_weights": [weights]}, item_grid=(4, 4))


def chosen_items():
    """Two of 4x4 patches at every step."""
    weights = np.full((3, 16), 1 / 16)
    indices = [[5, 12], [6, 7], [1, 2]]
    return looked(
        "items",
        {"attention_weights": [weights], "indices": [indices]},
        item_grid=(4, 4),
    )


def transformer():
    """Crops that shrink and turn around the cross."""
    theta = [
        [[[0.9, 0.0, 0.0], [0.0, 0.9, 0.0]]],
        [[[0.6, -0.2, 0.2], [0.2, 0.6, -0.2]]],
        [[[0.4, -0.3, 0.25], [0.3, 0.4, -0.25]]],
    ]
    return looked(
        "transformer",
        {"theta": [np.array(theta, "float32")]},
        output_shape=(16, 16),
        transform="affine",
        align_corners=True,
        num_transforms=1,
        interpolation="bilinear",
        padding="zeros",
        fill_value=0.0,
    )


KINDS = {
    "glimpses": glimpses,
    "mask": mask,
    "items": items,
    "chosen_items": chosen_items,
    "transformer": transformer,
}


def picture(kind, change=None):
    """A golden picture as pixels; `change` may spoil what was looked at."""
    seen = KINDS[kind]()
    return plots.pixels(
        plots.draw(change(seen) if change else seen, scene(), boxes=BOX)
    )


def frame(step):
    """A frame of an animation, as pixels."""
    (row,) = make_rows(glimpses(), scene(), None, BOX)
    return plots.pixels(draw_rows([dataclasses.replace(row, shown=[step])]))


def all_pictures():
    """Every golden picture by the name of its file."""
    made = {kind: picture(kind) for kind in KINDS}
    return {**made, "frame": frame(1)}


def main():
    from PIL import Image

    GOLDEN.mkdir(exist_ok=True)
    for name, pixels in all_pictures().items():
        image = Image.fromarray(pixels).quantize(256)
        image.save(GOLDEN / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
