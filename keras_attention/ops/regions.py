"""The regions of an image that attention looks at, in pixels.

Convention:
    Pixels are (x, y) with 0 the centre of the first pixel: the pixel in
    column p covers x from p - 1/2 to p + 1/2, and the image runs from -1/2 to
    width - 1/2. Places are (x, y) in [-1, 1].
"""

import tensorflow as tf

from keras_attention.ops.sampling_grid import sampling_grid

# Points along one side of the outline of a thin plate spline.
SPLINE_POINTS = 9


def to_pixels(places, image_shape, align_corners=True):
    """Places as (x, y) in pixels, 0 the centre of the first.

        x = (place + 1) / 2 * (width - 1)      with `align_corners`
        x = (place + 1) / 2 * width - 1/2      without

    Args:
        places: (..., 2) floating.
        image_shape: (H, W), integers or scalar tensors.
        align_corners: whether -1 and 1 are the centres of the first and the
            last pixel, or else the outer edges of these.

    Returns:
        (..., 2) of the dtype of `places`.

    Example:
    >>> from keras_attention.ops.regions import to_pixels
    >>> to_pixels([[0.0, 0.0], [1.0, 1.0]], (3, 5)).numpy()
    array([[2., 1.],
           [4., 2.]], dtype=float32)
    """
    places = tf.convert_to_tensor(places)
    sides = tf.cast(tf.stack(image_shape[::-1]), places.dtype)
    half = (places + 1) / 2
    return half * (sides - 1) if align_corners else half * sides - 0.5


def glimpse_squares(
    locations, glimpse_size, num_scales, map_shape, image_shape
):
    """The crops around locations, in pixels of the image.

    The first cell of a map covers the first pixels of the image, as many as
    ratio = side of the image / side of the map, the last cell the last ones:

        x_image = (x_map + 1/2) * ratio - 1/2

    Args:
        locations: (..., 2) in [-1, 1], of what is cropped.
        glimpse_size: side of the finest crop in pixels of what is cropped.
        num_scales: S; each crop has twice the side of the one before.
        map_shape: (rows, columns) of what is cropped: the image, or a map
            of features that covers it.
        image_shape: (H, W) of the image.

    Returns:
        (..., S, 4): left, top, right, bottom; the finest first.

    Example:
    >>> from keras_attention.ops.regions import glimpse_squares
    >>> glimpse_squares([[0.0, 0.0]], 2, 2, (9, 9), (9, 9)).numpy()
    array([[[3., 3., 5., 5.],
            [2., 2., 6., 6.]]], dtype=float32)
    """
    centres = to_pixels(locations, map_shape)[..., None, :]
    pixels = tf.stack(
        [
            tf.cast(side, centres.dtype) / tf.cast(cells, centres.dtype)
            for side, cells in zip(
                image_shape[::-1], map_shape[::-1], strict=True
            )
        ]
    )
    centres = (centres + 0.5) * pixels - 0.5
    halves = [glimpse_size * 2**scale / 2 for scale in range(num_scales)]
    half = tf.constant(halves, pixels.dtype)[:, None] * pixels
    return tf.concat([centres - half, centres + half], axis=-1)


def outlines(theta, transform):
    """The borders of the crops of spatial transformers, as polygons.

    Args:
        theta: (B, ...), parameters of `sampling_grid`.
        transform: as of `sampling_grid`.

    Returns:
        (B, P, 2) of places (x, y), clockwise in the crop from its top left
        corner. P is 4, the corners; a thin plate spline has more points
        between them.

    Example:
    >>> from keras_attention.ops.regions import outlines
    >>> half = [[[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]]
    >>> outlines(half, "affine").numpy()
    array([[[-0.5, -0.5],
            [ 0.5, -0.5],
            [ 0.5,  0.5],
            [-0.5,  0.5]]], dtype=float32)
    """
    bent = transform == "thin_plate_spline"
    side = SPLINE_POINTS if bent else 2
    grid = sampling_grid(theta, (side, side), transform)
    return tf.concat(
        [grid[:, 0], grid[:, 1:, -1], grid[:, -1, -2::-1], grid[:, -2:0:-1, 0]],
        axis=1,
    )
