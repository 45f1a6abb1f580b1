import numpy as np
import pytest

from keras_attention import ops

IMAGES, GRID = np.zeros((2, 8, 8, 1), "float32"), np.zeros((2, 3, 3, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((IMAGES[0], GRID), r"`images`.*images.shape=\(8, 8, 1\)"),
        ((IMAGES.astype("uint8"), GRID), "floating.*dtype=uint8"),
        ((IMAGES[:, :0], GRID), r"one row.*images.shape=\(2, 0, 8, 1\)"),
        ((IMAGES, GRID[0]), r"`grid`.*grid.shape=\(3, 3, 2\)"),
        ((IMAGES, GRID[..., :1]), r"`grid`.*grid.shape=\(2, 3, 3, 1\)"),
        ((IMAGES, GRID.astype("int32")), "`grid`.*dtype=int32"),
        ((IMAGES, GRID[:1]), "one grid for each image.*2 images, 1 grids"),
        ((IMAGES, GRID, "cubic"), "interpolation='cubic'"),
        ((IMAGES, GRID, "nearest", "wrap"), "zeros.*padding='wrap'"),
        ((IMAGES, GRID, "nearest", "value", True, np.nan), "finite.*nan"),
        (
            (IMAGES, GRID, "nearest", "border", True, 0.5),
            "`fill_value`.*padding='border', fill_value=0.5",
        ),
    ],
)
def test_what_is_wrong_is_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        ops.grid_sample(*arguments)
