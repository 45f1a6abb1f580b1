"""Canvases: a digit somewhere on an empty image, among pieces of others.

A canvas starts empty. `num_distractors` times, a random digit of the same
split is taken, a random square piece is cut out of it and added at a uniform
position. The sum is clipped to 1. Then the whole digit is added at a uniform
position, and the sum is clipped to 1 again. Positions are such that everything
lies fully inside (after google-deepmind/mnist-cluttered).

Canvases are computed in integers 0-255, and all randomness comes from explicit
seeds through one named generator (Philox). A seed therefore means the same
pixels on every machine, eager, in a graph or under XLA.

Convention: images are (B, size, size, 1). A box is (x_min, y_min, x_max,
y_max), the centres of the first and last pixel columns and rows that hold the
digit's ink (pixels above 0), in the coordinates of a location: (-1, -1) is the
centre of the canvas's top-left pixel, (1, 1) of its bottom-right one. A digit
without ink has the box of its whole frame.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

# Names of the classes where a label is a digit.
DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class Canvas:
    """What is put on a canvas besides the digit.

    Attributes:
        size: Height and width. As large as the digit and without distractors,
            the canvas is the digit's image.
        num_distractors: Number of pieces of other digits.
        distractor_size: Height and width of a piece.
    """

    size: int = 60
    num_distractors: int = 0
    distractor_size: int = 8

    class_names = DIGITS

    def __post_init__(self):
        """Checks what can be known without the digits."""
        for name, least in (
            ("size", 2),
            ("num_distractors", 0),
            ("distractor_size", 1),
        ):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise ValueError(
                    f"`{name}` must be an integer of at least {least}. "
                    f"Received: {name}={value!r}"
                )

    def check(self, digits_images: tf.Tensor) -> None:
        """As of `canvas_sets.AnyCanvas`."""
        check_digits(digits_images)
        _check_fits(self, *digits_images.shape[1:])

    def make(
        self,
        digits_images: tf.Tensor,
        labels: tf.Tensor,
        indices: tf.Tensor,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """As of `canvas_sets.AnyCanvas`."""
        images, boxes = make_canvases(digits_images, indices, self, seed)
        return images, tf.gather(labels, indices), boxes


def check_digits(digits_images: tf.Tensor) -> None:
    """Raises `ValueError` unless these are images of digits."""
    shape = digits_images.shape
    if (
        shape.rank != 3
        or not shape.is_fully_defined()
        or digits_images.dtype != tf.uint8
    ):
        raise ValueError(
            "`digits_images` must be uint8 of a known shape "
            "(N, height, width). "
            f"Received: dtype={digits_images.dtype.name}, shape={shape}"
        )


def make_canvases(
    digits_images: tf.Tensor,
    indices: tf.Tensor,
    canvas: Canvas,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Puts digits on canvases.

    Sums the pixels of all pieces and of the digit at once, as
    `clip(clip(pieces) + digit) == clip(pieces + digit)`.

    Args:
        digits_images: uint8 tensor, `(N, height, width)`: the digits of one
            split. The distractors are cut from them, too.
        indices: Integer tensor, `(B,)`: which digit each canvas shows.
        canvas: A `Canvas`.
        seed: Integer tensor, `(2,)`: decides all that is random.

    Returns:
        The images, uint8 `(B, size, size, 1)`, and the digits' boxes, float32
        `(B, 4)`, see the module's convention.
    """
    digits_images = tf.convert_to_tensor(digits_images)
    indices = tf.convert_to_tensor(indices)
    canvas.check(digits_images)
    batch_size = tf.shape(indices)[0]
    size = canvas.size
    height, width = digits_images.shape[1:]

    words = tf.random.stateless_uniform(
        (batch_size, 2 + 5 * canvas.num_distractors),
        seed,
        minval=None,
        maxval=None,
        dtype=tf.uint32,
        alg="philox",
    )
    x = below(words[:, 0], size - width + 1)
    y = below(words[:, 1], size - height + 1)
    digits = tf.gather(digits_images, indices)  # (B, height, width)
    pixels, offsets = placed(digits, x, y, size)
    if canvas.num_distractors:
        pieces, places = distractors(digits_images, canvas, words[:, 2:])
        pixels = tf.concat([pixels, pieces], 1)
        offsets = tf.concat([offsets, places], 1)
    return added(pixels, offsets, size), ink_boxes(digits, x, y, size)


def placed(
    digits: tf.Tensor, x: tf.Tensor, y: tf.Tensor, size: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Puts digits somewhere.

    Args:
        digits: uint8 `(B, height, width)`.
        x: Column of the canvas where each starts, int32 `(B,)`.
        y: The row.
        size: Height and width of the canvas.

    Returns:
        Pixels, and their offsets on a canvas, both `(B, height * width)`.
    """
    height, width = digits.shape[1:]
    pixels = tf.reshape(digits, (-1, height * width))
    return pixels, (y * size + x)[:, None] + _window(height, width, size)


def added(pixels: tf.Tensor, offsets: tf.Tensor, size: int) -> tf.Tensor:
    """Adds pixels up on empty canvases, to 255 at most.

    Args:
        pixels: uint8 `(B, P)`.
        offsets: Where on its canvas each lies, int32 `(B, P)`.
        size: Height and width of the canvas.

    Returns:
        uint8 `(B, size, size, 1)`.
    """
    batch_size = tf.shape(pixels)[0]
    first = size * size * tf.range(batch_size)  # pixel of each canvas
    sums = tf.math.unsorted_segment_sum(
        tf.reshape(tf.cast(pixels, tf.int32), (-1,)),
        tf.reshape(first[:, None] + offsets, (-1,)),
        batch_size * size * size,
    )
    images = tf.cast(tf.minimum(sums, 255), tf.uint8)
    images = tf.reshape(images, (batch_size, size, size, 1))
    return tf.ensure_shape(images, (pixels.shape[0], size, size, 1))


def _check_fits(canvas: Canvas, height: int, width: int) -> None:
    """Raises where the digits are too large or too small for the canvas."""
    if canvas.size < max(height, width):
        raise ValueError(
            "`size` of the canvas must be at least the digits' size. "
            f"Received: size={canvas.size}, digits of {height}x{width}"
        )
    if canvas.num_distractors and canvas.distractor_size > min(height, width):
        raise ValueError(
            "`distractor_size` must be at most the digits' size. Received: "
            f"distractor_size={canvas.distractor_size}, "
            f"digits of {height}x{width}"
        )


def distractors(
    digits_images: tf.Tensor, canvas: Canvas, words: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts pieces; returns their pixels and where on a canvas they go.

    Args:
        digits_images: uint8 `(N, height, width)`.
        canvas: A `Canvas`.
        words: Random uint32 `(B, 5 * num_distractors)`.

    Returns:
        Pixels and offsets, both `(B, num_distractors * distractor_size**2)`.
    """
    num_digits, height, width = digits_images.shape
    size, piece = canvas.size, canvas.distractor_size
    words = tf.reshape(words, (-1, canvas.num_distractors, 5))
    source = below(words[..., 0], num_digits)
    source_x = below(words[..., 1], width - piece + 1)
    source_y = below(words[..., 2], height - piece + 1)
    x = below(words[..., 3], size - piece + 1)
    y = below(words[..., 4], size - piece + 1)

    corners = (source * height + source_y) * width + source_x
    pieces = tf.gather(
        tf.reshape(digits_images, (-1,)),
        corners[..., None] + _window(piece, piece, width),
    )
    offsets = (y * size + x)[..., None] + _window(piece, piece, size)
    num_pixels = canvas.num_distractors * piece * piece
    return (
        tf.reshape(pieces, (-1, num_pixels)),
        tf.reshape(offsets, (-1, num_pixels)),
    )


def below(words: tf.Tensor, limit: int | tf.Tensor) -> tf.Tensor:
    """Maps random uint32 words to uniform int32 in [0, limit)."""
    product = tf.cast(words, tf.uint64) * tf.cast(limit, tf.uint64)
    return tf.cast(tf.bitwise.right_shift(product, np.uint64(32)), tf.int32)


def _window(height: int, width: int, stride: int) -> np.ndarray:
    """Flat offsets of a window in an image whose rows are `stride` long."""
    rows = stride * np.arange(height, dtype=np.int32)
    return np.ravel(rows[:, None] + np.arange(width, dtype=np.int32))


def ink_boxes(
    digits: tf.Tensor, x: tf.Tensor | int, y: tf.Tensor | int, size: int
) -> tf.Tensor:
    """Finds the ink of digits.

    Args:
        digits: uint8 `(B, height, width)`.
        x: Column of the canvas where the digits start, int32 `(B,)` or one.
        y: The row.
        size: Height and width of the canvas.

    Returns:
        float32 `(B, 4)`, see the module's convention.
    """
    x_first, x_last = _ink_range(tf.reduce_max(digits, axis=1))
    y_first, y_last = _ink_range(tf.reduce_max(digits, axis=2))
    pixels = tf.stack([x + x_first, y + y_first, x + x_last, y + y_last], 1)
    # One rounding, in the division, makes this exact on every machine.
    last = size - 1
    return tf.cast(2 * pixels - last, tf.float32) / float(last)


def _ink_range(profile: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the first and last position above zero of each row."""
    ink = tf.cast(profile > 0, tf.int32)
    first = tf.argmax(ink, axis=1, output_type=tf.int32)
    from_end = tf.argmax(ink[:, ::-1], axis=1, output_type=tf.int32)
    return first, profile.shape[1] - 1 - from_end
