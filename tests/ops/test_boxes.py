import numpy as np
import pytest

from keras_attention import ops


def test_the_centre_is_in_the_middle_of_both_sides():
    boxes = np.array([[[-1, -1, 1, 0], [0.2, 0.4, 0.4, 0.8]]], "float32")
    centers = ops.box_centers(boxes)
    np.testing.assert_allclose(centers, [[[0, -0.5], [0.3, 0.6]]], rtol=1e-6)


def test_where_there_is_no_box_there_is_no_centre():
    centers = ops.box_centers(np.array([[np.nan] * 4, [0, 0, 1, 1]]))
    np.testing.assert_array_equal(centers, [[np.nan] * 2, [0.5, 0.5]])


@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
def test_boxes_of_other_than_four_numbers_are_an_error(shape):
    with pytest.raises(ValueError, match=r"\(\.\.\., 4\).*boxes.shape"):
        ops.box_centers(np.zeros(shape))
