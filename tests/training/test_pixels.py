import numpy as np
import pytest

from keras_attention.training.pixels import to_pixels


@pytest.mark.parametrize(
    ("align_corners", "columns", "rows"),
    [(True, (0, 4), (0, 8)), (False, (-0.5, 4.5), (-0.5, 8.5))],
)
def test_minus_one_and_one_are_the_ends(align_corners, columns, rows):
    places = np.array([[-1, -1], [0, 0], [1, 1], [0.5, -0.25]])
    found = to_pixels(places, (9, 5), align_corners)  # (H, W)
    x, y = places.T
    np.testing.assert_allclose(found[:, 0], np.interp(x, [-1, 1], columns))
    np.testing.assert_allclose(found[:, 1], np.interp(y, [-1, 1], rows))
