import numpy as np

from keras_attention.training.pixels import to_pixels, to_places


def test_pixels_are_exact_in_float64():
    found = to_pixels(np.array([[1 / 3, -1 / 3]], "float64"), (9, 5))
    assert found.dtype == "float64"
    np.testing.assert_allclose(found, [[8 / 3, 8 / 3]], rtol=1e-15)


def test_places_are_the_inverse():
    places = np.random.default_rng(0).uniform(-1, 1, (6, 2))
    found = to_places(to_pixels(places, (9, 5)), (9, 5))
    np.testing.assert_allclose(found, places, atol=1e-12)
    np.testing.assert_array_equal(to_places(np.zeros(2), (1, 1)), [-1, -1])
