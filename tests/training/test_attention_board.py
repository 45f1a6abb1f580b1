import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import layers, models
from keras_attention.training import AttentionBoard

EPOCH = 100.0  # seconds of training, by the clock below
RNG = np.random.default_rng(0)
IMAGES = RNG.random((6, 12, 12, 1)).astype("float32")
LABELS = RNG.integers(0, 3, 6)
BOXES = np.tile(np.array([[-0.5, -0.5, 0.5, 0.5]], "float32"), (6, 1))


class Clock:
    """Goes on when told to: by an epoch, and by what a picture takes."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def glimpse_model():
    images = keras.Input((12, 12, 1))
    cell = layers.GlimpseCell(4, core=keras.layers.SimpleRNNCell(8))
    state = layers.RecurrentAttention(cell, num_glimpses=2)(images)
    model = models.ReinforceModel(images, keras.layers.Dense(3)(state))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    return model


def train(board, clock, epochs):
    """What `fit` calls, each epoch of the same length."""
    board.clock = clock
    board.on_train_begin()
    for epoch in range(epochs):
        clock.now += EPOCH
        board.on_epoch_end(epoch)
    board.on_train_end()


def drawing_that_takes(seconds, clock, board):
    """Draws nothing, which takes a time; one second for a single image."""

    def draw(num_images):
        clock.now += seconds if num_images > 1 else 1.0
        return "picture"

    board._picture = draw


def events(folder):
    """(tag, step, value) of all that was written; of an image its bytes."""
    found = []
    for file in sorted((folder / "attention").glob("events.*")):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                content = tf.make_ndarray(value.tensor)
                found.append((value.tag, event.step, content))
    return found


def steps_of(folder, tag="attention"):
    return [step for name, step, _ in events(folder) if name == tag]


@pytest.fixture
def _plain_pictures(monkeypatch):
    monkeypatch.setattr(
        "keras_attention.training.attention_board.plots.pixels",
        lambda figure: np.zeros((4, 4, 3), "uint8"),
    )


@pytest.mark.usefixtures("_plain_pictures")
@pytest.mark.parametrize(
    ("seconds", "epochs", "written"),
    [
        # 1 second was spent to check, and two pictures are expected to take 2
        # each: 5 seconds are 5 % of the first epoch. Then it has cost 3.
        (2.0, 3, [0, 1, 2]),
        # The first is written as above, and takes 10. 11 + 2 * 10 seconds are
        # 5 % of 620 seconds: the seventh epoch.
        (10.0, 9, [0, 6, 8]),
        # It never fits again; at the end of the training it is written.
        (1000.0, 4, [0, 3]),
    ],
)
def test_it_writes_where_the_time_allows_and_at_the_end(
    tmp_path, seconds, epochs, written
):
    clock = Clock()
    board = AttentionBoard(tmp_path, IMAGES, num_pictures=2)
    drawing_that_takes(seconds, clock, board)
    train(board, clock, epochs)
    assert steps_of(tmp_path) == written


@pytest.mark.usefixtures("_plain_pictures")
def test_it_stays_below_its_share_of_the_training(tmp_path):
    clock = Clock()
    board = AttentionBoard(tmp_path, IMAGES, num_pictures=2, time_share=0.02)
    drawing_that_takes(3.0, clock, board)
    train(board, clock, 40)
    training = 40 * EPOCH
    assert board._spent == clock.now - training
    assert 0.01 * training < board._spent <= 0.02 * training


def test_what_it_writes_is_right_and_leaves_the_training_as_it_was(tmp_path):
    board = AttentionBoard(tmp_path, IMAGES, LABELS, BOXES, num_pictures=2)
    # A million seconds from one look at the clock to the next: no time to write
    # but at the end of the training.
    board.clock = iter(range(0, 10**9, 10**6)).__next__
    trained = []
    for callbacks in ([], [board]):
        keras.utils.set_random_seed(3)
        model = glimpse_model()
        model.fit(IMAGES, LABELS, epochs=2, callbacks=callbacks, verbose=0)
        trained.append(model.get_weights())
    for plain, watched in zip(*trained, strict=True):
        np.testing.assert_array_equal(plain, watched)

    found = {tag: value for tag, _, value in events(tmp_path)}
    scores = model.predict(IMAGES, verbose=0)
    error = 100 * np.mean(scores.argmax(-1) != LABELS)
    np.testing.assert_allclose(found["error/learned"], error, rtol=1e-3)
    errors = {"learned", "sampled", "random", "center", "oracle"}
    parts = {"part/attention", "part/recognition"}
    assert set(found) == {f"error/{name}" for name in errors} | parts | {
        "attention"
    }
    np.testing.assert_allclose(
        found["part/attention"] + found["part/recognition"],
        found["error/learned"],
        atol=0.01,
    )
    width, height, picture = found["attention"]
    shape = tf.image.decode_png(picture).shape
    assert shape == (int(height), int(width), 3)


def test_a_model_without_attention_is_refused_before_the_first_epoch(tmp_path):
    inputs = keras.Input((12, 12, 1))
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs, name="plain")
    model.compile("sgd", "mse")
    board = AttentionBoard(tmp_path, IMAGES)
    before = model.get_weights()[0]
    with pytest.raises(ValueError, match="'plain' has no attention layer"):
        model.fit(IMAGES, np.zeros((6, 3)), callbacks=[board], verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": IMAGES[:0]}, r"images.shape=\(0, 12, 12, 1\)"),
        ({"labels": LABELS[:2]}, "one of `labels` for each of the 6 images"),
        ({"boxes": BOXES[:5]}, "one of `boxes` .* Received: 5"),
        ({"labels": LABELS, "boxes": 12 * BOXES + 6}, "be in pixels"),
        ({"labels": LABELS[:, None] == [0, 1, 2]}, "`labels` must be one"),
        ({"num_pictures": 0}, "num_pictures=0"),
        ({"time_share": 0}, "time_share=0"),
        ({"time_share": 1.5}, "time_share=1.5"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        AttentionBoard(tmp_path, **{"images": IMAGES, **arguments})
