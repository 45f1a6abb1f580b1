import numpy as np
import pytest
import tensorflow as tf
from scipy import interpolate, ndimage

from keras_attention.training import canvas_sets, digits, warps
from keras_attention.training.warps import (
    BentCanvas,
    StretchedCanvas,
    TurnedCanvas,
)

SEED = (3, 5)
CANVASES = [
    TurnedCanvas(16),
    TurnedCanvas(24, max_degrees=45.0, scales=(0.7, 1.2)),
    StretchedCanvas(16, corner_stddev=2.0),
    BentCanvas(16),
]


@pytest.fixture(scope="module")
def split():
    return digits.load_digits("digits")["test"]


def make(split, canvas, count, seed=SEED):
    images, labels, boxes = canvas.make(
        tf.constant(split.images),
        tf.constant(split.labels),
        tf.range(count),
        tf.constant(seed),
    )
    return images.numpy()[..., 0], labels.numpy(), boxes.numpy()


def uniform(count, numbers):
    """The uniform numbers of a seed."""
    return tf.random.stateless_uniform(
        (count, numbers), SEED, alg="philox"
    ).numpy()


def normal(count, points):
    """The normal numbers of a seed, which are folded once."""
    seed = tf.random.experimental.stateless_fold_in(SEED, 1, alg="philox")
    shape = (count, points, 2)
    return tf.random.stateless_normal(shape, seed, alg="philox").numpy()


def pixels(size):
    """(x, y) of every pixel, from the centre of the image: (size**2, 2)."""
    place = np.arange(size) - (size - 1) / 2
    x, y = np.meshgrid(place, place)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def read(image, places):
    """SciPy's bilinear interpolation at places from the image's centre."""
    columns, rows = (places + (len(image) - 1) / 2).T
    values = ndimage.map_coordinates(
        image.astype(float), [rows, columns], order=1, mode="grid-constant"
    )
    side = int(len(places) ** 0.5)
    return values.reshape(side, side)


def assert_the_same(images, expected):
    """Up to the rounding to whole numbers of what is between two of them."""
    np.testing.assert_allclose(images, expected, atol=0.51)


@pytest.mark.parametrize("canvas", CANVASES[:2])
def test_turned_digits_are_turned_scaled_and_moved(split, canvas):
    images, _, _ = make(split, canvas, 20)
    numbers = uniform(20, 4)
    low, high = canvas.scales
    for image, digit, (u, v, x, y) in zip(
        images, split.images, numbers, strict=False
    ):
        angle = np.radians(canvas.max_degrees) * (2 * u - 1)
        scale = low + (high - low) * v
        free = canvas.size - scale * 16
        centre = free * (np.array([x, y]) - 0.5)
        turn = np.array(
            [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        )  # back
        places = (pixels(canvas.size) - centre) @ turn.T / scale
        assert_the_same(image, read(digit, places))


def test_a_quarter_turn_is_that_of_numpy(split, monkeypatch):
    def most(batch_size, count, seed):
        return tf.ones((batch_size, count))

    monkeypatch.setattr(warps, "_uniform", most)
    images, _, _ = make(split, TurnedCanvas(16), 5)
    # y points down: from x towards y is clockwise to the eye.
    expected = np.rot90(split.images[:5], -1, axes=(1, 2))
    np.testing.assert_array_equal(images, expected)


def test_scaled_digits_lie_inside_at_all_places(split):
    white = digits.Digits(np.full((400, 16, 16), 255, np.uint8), np.zeros(400))
    canvas = TurnedCanvas(24, max_degrees=0.0, scales=(0.7, 1.2))
    _, _, boxes = make(white, canvas, 400)
    x_min, y_min, x_max, y_max = boxes.T
    assert boxes.min() >= -1
    assert boxes.max() <= 1
    for low, high in ((x_min, x_max), (y_min, y_max)):
        widths = (high - low) * 23 / 2 + 1
        assert widths.min() == pytest.approx(0.7 * 16, abs=2)
        assert widths.max() == pytest.approx(1.2 * 16, abs=2)
        assert low.min() < -0.95
        assert high.max() > 0.95
        assert np.mean(low + high) / 2 == pytest.approx(0, abs=0.05)


def homography(places, others):
    """The map of four places to four others, by the null space."""
    rows = []
    for (x, y), (u, v) in zip(places, others, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, -u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, -v])
    return np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)


def test_the_corners_of_stretched_canvases_come_from_elsewhere(split):
    canvas = CANVASES[2]
    images, _, _ = make(split, canvas, 20)
    scales = 0.75 + 0.25 * uniform(20, 1)[:, 0]
    frame = 7.5 * np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]])
    for image, digit, scale, moves in zip(
        images, split.images, scales, 2 * normal(20, 4), strict=False
    ):
        h = homography(frame, frame / scale + moves)
        homogeneous = np.column_stack([pixels(16), np.ones(256)]) @ h.T
        places = homogeneous[:, :2] / homogeneous[:, 2:]
        assert_the_same(image, read(digit, places))


def test_bent_digits_are_bent_by_a_thin_plate_spline(split):
    canvas = CANVASES[3]
    images, _, _ = make(split, canvas, 20)
    scales = 0.75 + 0.25 * uniform(20, 1)[:, 0]
    axis = np.linspace(-7.5, 7.5, 4)
    points = np.stack([p.ravel() for p in np.meshgrid(axis, axis)], axis=1)
    for image, digit, scale, moves in zip(
        images, split.images, scales, 1.5 * normal(20, 16), strict=False
    ):
        spline = interpolate.RBFInterpolator(
            points, points / scale + moves, kernel="thin_plate_spline"
        )
        assert_the_same(image, read(digit, spline(pixels(16))))


@pytest.mark.parametrize("canvas", CANVASES)
def test_boxes_hold_the_ink_and_labels_are_those_of_the_digits(split, canvas):
    images, labels, boxes = make(split, canvas, 50)
    np.testing.assert_array_equal(labels, split.labels[:50])
    corners = np.rint((boxes + 1) / 2 * (canvas.size - 1)).astype(int)
    for image, (left, top, right, bottom) in zip(images, corners, strict=True):
        rows, columns = np.nonzero(image)
        assert (left, right) == (columns.min(), columns.max())
        assert (top, bottom) == (rows.min(), rows.max())


@pytest.mark.parametrize("canvas", CANVASES)
def test_a_graph_makes_what_eager_mode_makes(split, canvas):
    dataset = canvas_sets.training_dataset(split, canvas, 16, 3, start_step=5)
    batch = next(dataset.as_numpy_iterator())
    seed = (3, 5)
    images, _, _ = canvas.make(
        tf.constant(split.images),
        tf.constant(split.labels),
        order(split, seed=3, count=96)[80:],
        tf.constant(seed),
    )
    difference = batch["image"].astype(int) - images.numpy()
    assert np.abs(difference).max() <= 1
    assert np.mean(difference != 0) < 1e-3


def order(split, seed, count):
    """The digits of the first steps, by another canvas, which tells them."""
    numbered = digits.Digits(
        split.images, np.arange(len(split.labels), dtype=np.int32)
    )
    dataset = canvas_sets.training_dataset(
        numbered, TurnedCanvas(16), count, seed
    )
    return tf.constant(next(dataset.as_numpy_iterator())["label"])


@pytest.mark.parametrize("canvas", CANVASES)
def test_every_seed_makes_other_canvases(split, canvas):
    made = {
        make(split, canvas, 1, seed)[0].tobytes()
        for seed in ((0, 0), (0, 1), (1, 0), (0, -1))
    }
    assert len(made) == 4


def test_a_fixed_set_of_warped_digits_repeats(split):
    canvas = CANVASES[1]
    first = canvas_sets.fixed_set(split, canvas, 0)
    assert first.images.shape == (400, 24, 24, 1)
    assert first.sha256() == canvas_sets.fixed_set(split, canvas, 0).sha256()


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda: TurnedCanvas(1), "`size` must be .* Received: size=1"),
        (lambda: TurnedCanvas(scales=(1.2, 0.7)), r"scales=\(1.2, 0.7\)"),
        (lambda: TurnedCanvas(scales=(0.0, 1.0)), r"`scales`.*above 0"),
        (lambda: TurnedCanvas(max_degrees=-1.0), "max_degrees=-1.0"),
        (lambda: StretchedCanvas(corner_stddev=-1.0), "corner_stddev=-1.0"),
        (
            lambda: BentCanvas(point_stddev=float("nan")),
            "`point_stddev` must be a number of at least 0. Received: .*nan",
        ),
    ],
)
def test_impossible_canvases_are_refused(use, said):
    with pytest.raises(ValueError, match=said):
        use()


def test_digits_larger_than_the_canvas_are_refused(split):
    canvas = TurnedCanvas(18, scales=(1.0, 1.2))
    with pytest.raises(ValueError, match="size=18, digits of 16x16, scales="):
        canvas_sets.fixed_set(split, canvas, 0)
    with pytest.raises(ValueError, match="must be uint8"):
        canvas.check(tf.zeros((2, 16, 16)))
