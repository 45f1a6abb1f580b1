"""Canvases on which the digit is turned, scaled, stretched or bent.

The sets R, RTS, P and E of the spatial transformer paper (Jaderberg et al.
2015, section 4.1 and its appendix):

    R     TurnedCanvas(28, max_degrees=90)
    RTS   TurnedCanvas(42, max_degrees=45, scales=(0.7, 1.2))
    P     StretchedCanvas(28, scales=(0.75, 1.0), corner_stddev=5 / sqrt(2))
    E     BentCanvas(28, scales=(0.75, 1.0), point_stddev=1.5)

All that is random is uniform, but the moves of corners and control points,
which are normal. Each pixel of a canvas is read where it comes from in the
digit, between its four nearest pixels; outside the digit there is none.

Pixels are computed in float32 and rounded to 0-255. The random numbers of a
seed are the same everywhere; of the pixels, one in many may differ by 1 on
another machine.
"""

import math
from dataclasses import dataclass

import tensorflow as tf

from keras_attention import ops
from keras_attention.ops.checks import check_nonnegative
from keras_attention.ops.thin_plate_spline import control_points

from .canvases import DIGITS, check_digits, ink_boxes

# Along each axis, of the paper's spline.
NUM_CONTROL_POINTS = 4


class _WarpedCanvas:
    """What warped canvases share: all but where pixels come from."""

    class_names = DIGITS

    def check(self, digits_images: tf.Tensor) -> None:
        """As of `canvas_sets.AnyCanvas`."""
        check_digits(digits_images)
        height, width = digits_images.shape[1:]
        if self.size < max(height, width) * self.scales[1]:
            raise ValueError(
                "`size` of the canvas must be at least that of the largest "
                f"digits. Received: size={self.size}, digits of "
                f"{height}x{width}, scales={self.scales}"
            )

    def make(
        self,
        digits_images: tf.Tensor,
        labels: tf.Tensor,
        indices: tf.Tensor,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """As of `canvas_sets.AnyCanvas`."""
        digits = tf.cast(tf.gather(digits_images, indices), tf.float32)
        grids = self.grids(tf.shape(indices)[0], digits.shape[1:], seed)
        images = ops.grid_sample(digits[..., None], grids)
        images = tf.cast(tf.round(images), tf.uint8)
        images = tf.ensure_shape(
            images, (indices.shape[0], self.size, self.size, 1)
        )
        boxes = ink_boxes(images[..., 0], 0, 0, self.size)
        return images, tf.gather(labels, indices), boxes

    def _places(
        self,
        side: int,
        scale: tf.Tensor,
        moves: tf.Tensor,
        shape: tuple[int, int],
    ) -> tf.Tensor:
        """Where regular points of a canvas come from in the digit.

        Args:
            side: Number of points along each axis.
            scale: Of the digit, `(B, 1)`.
            moves: Pixels by which the places are moved, `(B, side**2, 2)`.
            shape: Of the digit.

        Returns:
            (x, y) in [-1, 1] of the digit, `(B, side**2, 2)`.
        """
        height, width = shape
        points = tf.constant(control_points(side), tf.float32)
        pixels = (self.size - 1) / 2 * points / scale[..., None] + moves
        return pixels / tf.constant([(width - 1) / 2, (height - 1) / 2])

    def _check(self) -> None:
        if type(self.size) is not int or self.size < 2:
            raise ValueError(
                "`size` must be an integer of at least 2. "
                f"Received: size={self.size!r}"
            )
        low, high = self.scales
        if not 0 < low <= high < math.inf:
            raise ValueError(
                "`scales` must be (lowest, highest) above 0. "
                f"Received: scales={self.scales}"
            )


@dataclass(frozen=True)
class TurnedCanvas(_WarpedCanvas):
    """A digit that is turned, scaled and put somewhere.

    Its centre lies where its scaled, not turned frame is fully inside.

    Attributes:
        size: Height and width of the canvas.
        max_degrees: It is turned by up to so much, either way.
        scales: Lowest and highest scale.
    """

    size: int = 28
    max_degrees: float = 90.0
    scales: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self):
        """Checks what can be known without the digits."""
        self._check()
        check_nonnegative("max_degrees", self.max_degrees)

    def grids(
        self, batch_size: tf.Tensor, shape: tuple[int, int], seed: tf.Tensor
    ) -> tf.Tensor:
        """Where pixels come from in digits of this shape, `(B, H, W, 2)`."""
        turn, scale, x, y = tf.unstack(_uniform(batch_size, 4, seed), axis=1)
        angle = (2 * turn - 1) * math.radians(self.max_degrees)
        scale = _between(self.scales, scale)
        height, width = shape
        x = (x - 0.5) * (self.size - scale * width)  # pixels from the centre
        y = (y - 0.5) * (self.size - scale * height)
        # A pixel at p shows the digit at q, with p = scale R(angle) q + (x, y).
        half = (self.size - 1) / 2
        a, b = tf.cos(angle) / scale, tf.sin(angle) / scale
        rows = [
            [a * half, b * half, -(a * x + b * y)],
            [-b * half, a * half, b * x - a * y],
        ]
        theta = [
            tf.stack(row, axis=1) / ((side - 1) / 2)
            for row, side in zip(rows, (width, height), strict=True)
        ]
        return ops.sampling_grid(tf.stack(theta, axis=1), (self.size,) * 2)


@dataclass(frozen=True)
class StretchedCanvas(_WarpedCanvas):
    """A digit that is scaled about the centre, and stretched at the corners.

    Attributes:
        size: Height and width of the canvas.
        scales: Lowest and highest scale.
        corner_stddev: Of how far from its place each corner of the canvas
            comes from, along x and along y, in pixels of the digit. (The
            paper moves each by an amount of 5 pixels: read here as the
            distance, root mean square. With 5 pixels along each axis, some
            digits are drawn out to rays or leave the canvas. It does not say
            which way corners move: moved the other way, more digits shrink to
            where no one can read them.)
    """

    size: int = 28
    scales: tuple[float, float] = (0.75, 1.0)
    corner_stddev: float = 5 / math.sqrt(2)

    def __post_init__(self):
        """Checks what can be known without the digits."""
        self._check()
        check_nonnegative("corner_stddev", self.corner_stddev)

    def grids(
        self, batch_size: tf.Tensor, shape: tuple[int, int], seed: tf.Tensor
    ) -> tf.Tensor:
        """Where pixels come from in digits of this shape, `(B, H, W, 2)`."""
        scale = _between(self.scales, _uniform(batch_size, 1, seed))
        moves = self.corner_stddev * _normal(batch_size, 4, seed)
        theta = _homography(self._places(2, scale, moves, shape))
        return ops.sampling_grid(theta, (self.size,) * 2, "projective")


@dataclass(frozen=True)
class BentCanvas(_WarpedCanvas):
    """A digit that is scaled about the centre, and bent by a thin plate spline.

    Attributes:
        size: Height and width of the canvas.
        scales: Lowest and highest scale.
        point_stddev: Of how far from its place each of the 16 control points
            comes from, along x and along y, in pixels of the digit.
    """

    size: int = 28
    scales: tuple[float, float] = (0.75, 1.0)
    point_stddev: float = 1.5

    def __post_init__(self):
        """Checks what can be known without the digits."""
        self._check()
        check_nonnegative("point_stddev", self.point_stddev)

    def grids(
        self, batch_size: tf.Tensor, shape: tuple[int, int], seed: tf.Tensor
    ) -> tf.Tensor:
        """Where pixels come from in digits of this shape, `(B, H, W, 2)`."""
        scale = _between(self.scales, _uniform(batch_size, 1, seed))
        moves = self.point_stddev * _normal(
            batch_size, NUM_CONTROL_POINTS**2, seed
        )
        theta = self._places(NUM_CONTROL_POINTS, scale, moves, shape)
        return ops.sampling_grid(theta, (self.size,) * 2, "thin_plate_spline")


def _uniform(batch_size: tf.Tensor, count: int, seed: tf.Tensor) -> tf.Tensor:
    """Uniform in [0, 1), `(B, count)`."""
    return tf.random.stateless_uniform((batch_size, count), seed, alg="philox")


def _normal(batch_size: tf.Tensor, count: int, seed: tf.Tensor) -> tf.Tensor:
    """Normal (x, y) of so many points, `(B, count, 2)`."""
    # Folded, because uniform numbers use the seed itself.
    seed = tf.random.experimental.stateless_fold_in(seed, 1, alg="philox")
    return tf.random.stateless_normal(
        (batch_size, count, 2), seed, alg="philox"
    )


def _between(limits: tuple[float, float], uniform: tf.Tensor) -> tf.Tensor:
    low, high = limits
    return low + (high - low) * uniform


def _homography(places: tf.Tensor) -> tf.Tensor:
    """The projective map that takes the corners of a canvas to four places.

    Args:
        places: float32 `(B, 4, 2)`.

    Returns:
        float32 `(B, 3, 3)`, H with H (x, y, 1) ~ (u, v, 1).
    """
    u, v = places[..., 0], places[..., 1]  # (B, 4)
    one, zero = tf.ones_like(u), tf.zeros_like(u)
    x, y = (one * axis for axis in control_points(2).T.astype("float32"))
    # u (h31 x + h32 y + 1) = h11 x + h12 y + h13, and the same for v.
    equations = tf.concat(
        [
            tf.stack([x, y, one, zero, zero, zero, -u * x, -u * y], axis=-1),
            tf.stack([zero, zero, zero, x, y, one, -v * x, -v * y], axis=-1),
        ],
        axis=1,
    )  # (B, 8, 8)
    h = tf.linalg.solve(equations, tf.concat([u, v], axis=1)[..., None])
    h = tf.concat([h[..., 0], one[:, :1]], axis=1)
    return tf.reshape(h, (-1, 3, 3))
