import numpy as np
import pytest
import tensorflow as tf

from keras_attention.training import canvas_sets, canvases, digits
from keras_attention.training.canvases import Canvas


@pytest.fixture(scope="module")
def embedded():
    return digits.load_digits("digits")


def numbered(num_digits, size=4):
    """Digits whose pixels and labels are all their number, from 1 up."""
    numbers = np.arange(1, num_digits + 1)
    images = np.broadcast_to(
        numbers[:, None, None], (num_digits, size, size)
    ).astype(np.uint8)
    return digits.Digits(images, numbers.astype(np.int32))


def make(split, indices, canvas, seed=(0, 0)):
    images, boxes = canvases.make_canvases(
        split.images, np.asarray(indices), canvas, np.asarray(seed)
    )
    return images.numpy(), boxes.numpy()


def paste_one_by_one(split, indices, canvas, seed):
    """The pinned definition, step by step in NumPy, on the same words."""
    num_words = 2 + 5 * canvas.num_distractors
    words = tf.random.stateless_uniform(
        (len(indices), num_words), seed, None, None, tf.uint32, alg="philox"
    ).numpy()
    height, width = split.images.shape[1:]
    piece_size, size = canvas.distractor_size, canvas.size
    images = []
    for index, row in zip(indices, words.tolist(), strict=True):
        draw = iter(row)

        def below(limit, draw=draw):
            return int(next(draw) / 2**32 * limit)

        def add(image, piece, x, y):
            image[y : y + len(piece), x : x + piece.shape[1]] += piece

        image = np.zeros((size, size))
        x, y = below(size - width + 1), below(size - height + 1)
        for _ in range(canvas.num_distractors):
            source = split.images[below(len(split.images))] / 255
            left = below(width - piece_size + 1)
            top = below(height - piece_size + 1)
            piece = source[top : top + piece_size, left : left + piece_size]
            place = below(size - piece_size + 1), below(size - piece_size + 1)
            add(image, piece, *place)
        image = np.minimum(image, 1)
        add(image, split.images[index] / 255, x, y)
        images.append(np.minimum(image, 1))
    return np.rint(255 * np.stack(images))[..., None]


# make_canvases.


@pytest.mark.parametrize("num_distractors", [0, 1, 4, 30])
def test_canvases_are_what_the_definition_makes_step_by_step(
    embedded, num_distractors
):
    canvas = Canvas(24, num_distractors, distractor_size=7)
    indices, seed = np.arange(50), (3, 5)
    images, _ = make(embedded["test"], indices, canvas, seed)
    expected = paste_one_by_one(embedded["test"], indices, canvas, seed)
    np.testing.assert_array_equal(images, expected)


def test_digits_need_not_be_square():
    rng = np.random.RandomState(0)
    split = digits.Digits(
        rng.randint(0, 256, (9, 5, 8)).astype(np.uint8), np.zeros(9, np.int32)
    )
    canvas = Canvas(12, 3, distractor_size=4)
    images, _ = make(split, np.arange(9), canvas)
    expected = paste_one_by_one(split, np.arange(9), canvas, (0, 0))
    np.testing.assert_array_equal(images, expected)


def test_a_canvas_as_large_as_the_digit_is_the_digit(embedded):
    images, _ = make(embedded["test"], [3, 1, 3], Canvas(16))
    np.testing.assert_array_equal(
        images[..., 0], embedded["test"].images[[3, 1, 3]]
    )


def test_a_sum_beyond_white_stays_white():
    white = digits.Digits(np.full((1, 2, 2), 255, np.uint8), np.zeros(1, int))
    images, _ = make(white, [0], Canvas(2, 9, distractor_size=2))
    np.testing.assert_array_equal(images[0, ..., 0], [[255, 255], [255, 255]])


def test_overlapping_pieces_add_up():
    ones = digits.Digits(np.ones((1, 2, 2), np.uint8), np.zeros(1, int))
    images, _ = make(ones, [0], Canvas(2, 9, distractor_size=2))
    np.testing.assert_array_equal(images[0, ..., 0], [[10, 10], [10, 10]])


def test_a_box_holds_the_digits_ink_and_no_frame():
    image = np.zeros((1, 5, 5), np.uint8)
    image[0, 1:3, 2:5] = 9  # rows 1 and 2, columns 2 to 4
    split = digits.Digits(image, np.zeros(1, np.int32))
    _, boxes = make(split, [0], Canvas(5))
    np.testing.assert_array_equal(boxes, [[0.0, -0.5, 1.0, 0.0]])


def test_boxes_follow_the_digit(embedded):
    images, boxes = make(embedded["test"], np.arange(400), Canvas(40))
    pixels = np.rint((boxes + 1) / 2 * 39).astype(int)
    for image, (left, top, right, bottom) in zip(images, pixels, strict=True):
        rows, columns = np.nonzero(image[..., 0])
        assert (left, right) == (columns.min(), columns.max())
        assert (top, bottom) == (rows.min(), rows.max())


def test_the_box_of_an_empty_digit_is_its_frame():
    empty = digits.Digits(np.zeros((1, 5, 5), np.uint8), np.zeros(1, int))
    _, boxes = make(empty, [0], Canvas(5))
    np.testing.assert_array_equal(boxes, [[-1, -1, 1, 1]])


def test_all_positions_are_equally_likely():
    images, _ = make(numbered(1, size=2), np.zeros(9000, int), Canvas(4))
    corners = np.argmax(images.reshape(9000, 16) > 0, axis=1)
    counts = np.bincount(corners, minlength=16).reshape(4, 4)
    # A 2x2 digit has 3x3 positions on 4x4; 26.1 is the 99.9 % point of a
    # chi-square variable with 8 degrees of freedom.
    assert counts[:3, :3].sum() == 9000
    assert np.sum((counts[:3, :3] - 1000) ** 2 / 1000) < 26.1


def test_distractors_are_cut_from_every_digit_of_the_split_and_no_other():
    split = numbered(7)
    canvas = Canvas(30, 1, distractor_size=2)
    images, boxes = make(split, np.zeros(500, int), canvas)
    corners = np.rint((boxes[:, :2] + 1) / 2 * 29).astype(int)
    for image, (x, y) in zip(images, corners, strict=True):
        image[y : y + 4, x : x + 4] = 0
    seen = np.unique(images)
    np.testing.assert_array_equal(seen, np.arange(8))


def test_distractors_reach_every_position_of_the_digit_and_the_canvas():
    image = np.arange(9, dtype=np.uint8).reshape(1, 3, 3)
    split = digits.Digits(image, np.zeros(1, np.int32))
    canvas = Canvas(6, 1, distractor_size=1)
    with_piece, _ = make(split, np.zeros(5000, int), canvas)
    words = tf.random.stateless_uniform(
        (5000, 7), (0, 0), None, None, tf.uint32, alg="philox"
    ).numpy()
    digit_at = (words[:, :2] / 2**32 * 4).astype(int)
    seen = set()
    for image_with_piece, (x, y) in zip(with_piece, digit_at, strict=True):
        piece = image_with_piece[..., 0].astype(int)
        piece[y : y + 3, x : x + 3] -= image[0]
        for row, column in zip(*np.nonzero(piece), strict=True):
            seen.add((row, column, piece[row, column]))
    assert seen == {
        (row, column, value)
        for row in range(6)
        for column in range(6)
        for value in range(1, 9)
    }


@pytest.mark.parametrize("jit_compile", [False, True])
def test_graph_and_xla_make_the_pixels_of_eager_mode(embedded, jit_compile):
    canvas = Canvas(40, 4, distractor_size=5)
    compiled = tf.function(canvases.make_canvases, jit_compile=jit_compile)
    images, boxes = compiled(
        tf.constant(embedded["test"].images),
        tf.range(20),
        canvas,
        tf.constant([0, 0]),
    )
    expected_images, expected_boxes = make(embedded["test"], range(20), canvas)
    np.testing.assert_array_equal(images, expected_images)
    np.testing.assert_array_equal(boxes, expected_boxes)


def test_other_seeds_make_other_canvases(embedded):
    canvas = Canvas(40)
    images = [
        make(embedded["test"], [0], canvas, seed)[0].tobytes()
        for seed in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]
    assert len(set(images)) == 4


@pytest.mark.parametrize(
    "use",
    [
        lambda split, canvas: make(split, [0], canvas),
        lambda split, canvas: canvas_sets.training_dataset(split, canvas, 2, 0),
        lambda split, canvas: canvas_sets.fixed_set(split, canvas, 0),
    ],
    ids=["make_canvases", "training_dataset", "fixed_set"],
)
class TestDigitsThatDoNotFit:
    def test_a_canvas_smaller_than_the_digits_is_refused(self, use):
        message = (
            "^`size` of the canvas must be at least the digits' size. "
            "Received: size=3, digits of 4x4$"
        )
        with pytest.raises(ValueError, match=message):
            use(numbered(2), Canvas(3))

    def test_pieces_larger_than_the_digits_are_refused(self, use):
        message = (
            "^`distractor_size` must be at most the digits' size. "
            "Received: distractor_size=5, digits of 4x4$"
        )
        with pytest.raises(ValueError, match=message):
            use(numbered(2), Canvas(9, 1, distractor_size=5))

    def test_the_size_of_no_pieces_does_not_matter(self, use):
        use(numbered(2), Canvas(9, 0, distractor_size=5))


def test_float_digits_are_refused():
    with pytest.raises(ValueError, match="dtype=float32, shape=\\(1, 4, 4\\)"):
        canvases.make_canvases(
            np.zeros((1, 4, 4), np.float32), [0], Canvas(9), [0, 0]
        )
