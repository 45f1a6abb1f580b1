"""Boxes around what matters in an image.

Convention:
    A box is (x_min, y_min, x_max, y_max) in the coordinates of a location:
    (-1, -1) is the centre of the image's top-left pixel and (1, 1) that of its
    bottom-right one. `training.canvases` makes its boxes so. Of pixels, use

        x = -1 + 2 * column / (width - 1),  y = -1 + 2 * row / (height - 1)
"""

import tensorflow as tf


def box_centers(boxes):
    """The centres of boxes: the places to look at.

    Args:
        boxes: (..., 4), x_min, y_min, x_max, y_max; NaN where there is none.

    Returns:
        (..., 2), floating: x and y, NaN where there is no box.

    Raises:
        ValueError: if there are not four numbers for each box.

    Example:
    >>> box_centers(np.array([[-0.5, 0.0, 0.5, 1.0]], "float32")).numpy()
    array([[0. , 0.5]], dtype=float32)
    """
    boxes = tf.convert_to_tensor(boxes)
    if boxes.shape.rank is None or boxes.shape.rank < 1 or boxes.shape[-1] != 4:
        raise ValueError(
            "`boxes` must have the shape (..., 4). "
            f"Received: boxes.shape={boxes.shape}"
        )
    return (boxes[..., :2] + boxes[..., 2:]) / 2
