import numpy as np

from keras_attention.training.pixels import to_pixels


def test_pixels_are_exact_in_float64():
    found = to_pixels(np.array([[1 / 3, -1 / 3]], "float64"), (9, 5))
    assert found.dtype == "float64"
    np.testing.assert_allclose(found, [[8 / 3, 8 / 3]], rtol=1e-15)
