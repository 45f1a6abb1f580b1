import os
import pathlib
import urllib.error
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow_datasets as tfds
from sklearn import datasets

from keras_attention.training import digits

needs_mnist = pytest.mark.skipif(
    not os.environ.get("TFDS_DATA_DIR"), reason="TFDS_DATA_DIR is not set"
)


@pytest.fixture(scope="module")
def embedded():
    return digits.load_digits("digits")


def image_bytes(split):
    return {image.tobytes() for image in split.images}


def assert_no_shared_digit(splits):
    train, validation, test = (
        image_bytes(splits[name]) for name in ("train", "validation", "test")
    )
    assert not train & validation
    assert not train & test
    assert not validation & test


# What both sources promise.


def test_splits_of_embedded_digits_have_the_documented_sizes(embedded):
    assert {name: len(split.labels) for name, split in embedded.items()} == {
        "train": 1197,
        "validation": 200,
        "test": 400,
    }


def test_embedded_digits_are_uint8_16x16_with_int32_labels(embedded):
    for split in embedded.values():
        assert split.images.shape[1:] == (16, 16)
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int32


def test_splits_of_embedded_digits_share_no_digit(embedded):
    assert_no_shared_digit(embedded)


def test_every_split_of_embedded_digits_has_all_classes(embedded):
    for split in embedded.values():
        np.testing.assert_array_equal(np.unique(split.labels), np.arange(10))


def test_embedded_splits_together_are_scikit_learns_digits(embedded):
    labels = np.concatenate([split.labels for split in embedded.values()])
    np.testing.assert_array_equal(
        np.bincount(labels), np.bincount(datasets.load_digits().target)
    )


def test_embedded_splits_do_not_change():
    # The first labels of each split, as they were when this was written.
    splits = digits.load_digits("digits")
    first = {name: s.labels[:8].tolist() for name, s in splits.items()}
    assert first == {
        "train": [2, 8, 2, 6, 6, 7, 1, 9],
        "validation": [5, 3, 9, 6, 1, 6, 0, 6],
        "test": [2, 7, 4, 0, 4, 2, 7, 7],
    }


def test_doubling_places_quarter_weights_on_both_sides_of_a_pixel():
    image = np.zeros((1, 1, 3), int)
    image[0, 0, 1] = 16
    # Rows: a height of one repeats itself. 16 * 3/4 = 12 and 16 * 1/4 = 4
    # of 16 are 191.25 and 63.75 of 255.
    expected = [[0, 64, 191, 191, 64, 0]] * 2
    np.testing.assert_array_equal(digits._double(image)[0], expected)


def test_doubling_keeps_black_black_and_white_white():
    assert digits._double(np.zeros((1, 8, 8), int)).max() == 0
    assert digits._double(np.full((1, 8, 8), 16)).min() == 255


def test_doubling_agrees_with_tensorflows_bilinear_resize():
    import tensorflow as tf

    images = np.random.RandomState(1).randint(0, 17, (5, 8, 8))
    resized = tf.image.resize(images[..., None].astype("float32"), (16, 16))
    np.testing.assert_allclose(
        digits._double(images), resized[..., 0] * 255 / 16, atol=0.51
    )


# MNIST.


@needs_mnist
def test_mnist_keeps_its_test_set_and_cuts_validation_from_train():
    splits = digits.load_digits("mnist")
    shapes = {name: split.images.shape for name, split in splits.items()}
    assert shapes == {
        "train": (55_000, 28, 28),
        "validation": (5_000, 28, 28),
        "test": (10_000, 28, 28),
    }
    # The counts of the ten classes in the official test set.
    assert np.bincount(splits["test"].labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    for split in splits.values():
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int32
    assert_no_shared_digit(splits)


class FakeBuilder:
    """Stands for TFDS's builder; its data appear with a download."""

    def __init__(self, folder, num_train=60_000):
        self.data_path = pathlib.Path(folder) / "mnist" / "3.0.1"
        self.sizes = {"train": num_train, "test": 10_000}

    def download_and_prepare(self):
        self.data_path.mkdir(parents=True)

    def as_dataset(self, split, batch_size, shuffle_files):
        assert batch_size == -1
        assert shuffle_files is False
        labels = np.arange(self.sizes[split])
        images = np.broadcast_to(np.uint8(1), (len(labels), 28, 28, 1))
        return {
            "image": SimpleNamespace(numpy=lambda: images),
            "label": SimpleNamespace(numpy=lambda: labels),
        }


def test_validation_is_the_last_5000_digits_of_train(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds, "builder", lambda *_, **__: FakeBuilder(tmp_path))
    monkeypatch.setattr(digits, "_check_network", lambda: None)
    splits = digits.load_digits("mnist", data_dir=str(tmp_path))
    assert splits["train"].labels[[0, -1]].tolist() == [0, 54_999]
    assert splits["validation"].labels[[0, -1]].tolist() == [55_000, 59_999]


def test_mnist_of_a_wrong_size_is_called_damaged(tmp_path, monkeypatch):
    builder = FakeBuilder(tmp_path, num_train=3)
    builder.download_and_prepare()
    monkeypatch.setattr(tfds, "builder", lambda *_, **__: builder)
    with pytest.raises(ValueError, match=r"has shape \(3, 28, 28, 1\)"):
        digits.load_digits("mnist")


def test_only_what_is_asked_for_is_read(tmp_path, monkeypatch):
    builder = FakeBuilder(tmp_path, num_train=3)  # which may not be read
    builder.download_and_prepare()
    monkeypatch.setattr(tfds, "builder", lambda *_, **__: builder)
    splits = digits.load_digits("mnist", splits=("test",))
    assert set(splits) == {"test"}
    assert len(splits["test"].labels) == 10_000
    assert set(digits.load_digits("digits", splits=("train",))) == {"train"}


# What goes wrong.


def test_an_unknown_split_is_named_beside_the_known_ones():
    with pytest.raises(ValueError, match="splits=\\('tests',\\)") as caught:
        digits.load_digits("digits", splits=("tests",))
    assert "('train', 'validation', 'test')" in str(caught.value)


def test_missing_mnist_without_network_says_what_to_do(tmp_path, offline):
    with pytest.raises(FileNotFoundError) as caught:
        digits.load_digits("mnist", data_dir=str(tmp_path))
    message = str(caught.value)
    for part in (
        str(tmp_path),
        "no network in this test",
        "TFDS_DATA_DIR",
        "--data-dir",
        "run once with network",
        "`digits`",
    ):
        assert part in message
    assert not list(tmp_path.iterdir())


def test_missing_mnist_hides_the_long_traceback(tmp_path, offline):
    with pytest.raises(FileNotFoundError) as caught:
        digits.load_digits("mnist", data_dir=str(tmp_path))
    assert caught.value.__suppress_context__


def test_an_answering_server_counts_as_network(monkeypatch):
    def forbidden(request, timeout):
        raise urllib.error.HTTPError(request.full_url, 403, "no", {}, None)

    monkeypatch.setattr("urllib.request.urlopen", forbidden)
    digits._check_network()


def test_a_reachable_server_counts_as_network(monkeypatch, tmp_path):
    def reachable(request, timeout):
        assert request.get_method() == "HEAD"
        return (tmp_path / "answer").open("w")

    monkeypatch.setattr("urllib.request.urlopen", reachable)
    digits._check_network()


def test_an_unprepared_folder_is_called_damaged(tmp_path):
    (tmp_path / "mnist" / "3.0.1").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"The MNIST data in .* is damaged"):
        digits.load_digits("mnist", data_dir=str(tmp_path))


def test_a_broken_description_is_called_damaged(tmp_path):
    folder = tmp_path / "mnist" / "3.0.1"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("{bad")
    with pytest.raises(ValueError, match=r"is damaged .*Delete the `mnist`"):
        digits.load_digits("mnist", data_dir=str(tmp_path))


@needs_mnist
@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_broken_records_are_called_damaged(tmp_path, damage):
    healthy = pathlib.Path(os.environ["TFDS_DATA_DIR"], "mnist", "3.0.1")
    folder = tmp_path / "mnist" / "3.0.1"
    folder.mkdir(parents=True)
    for file in healthy.iterdir():
        if "mnist-train" not in file.name:
            (folder / file.name).symlink_to(file)
        elif damage == "truncated":
            with file.open("rb") as records:
                (folder / file.name).write_bytes(records.read(100_000))
    with pytest.raises(ValueError, match="is damaged") as caught:
        digits.load_digits("mnist", data_dir=str(tmp_path))
    assert "{{" not in str(caught.value)


def test_an_unknown_source_is_named_beside_the_known_ones():
    with pytest.raises(ValueError, match="source='svhn'") as caught:
        digits.load_digits("svhn")
    assert "('mnist', 'digits')" in str(caught.value)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((2, 4, 4), np.float32), np.zeros(2, np.int32)),
        (np.zeros((2, 4, 4, 1), np.uint8), np.zeros(2, np.int32)),
        (np.zeros((2, 4, 4), np.uint8), np.zeros(3, np.int32)),
        (np.zeros((0, 4, 4), np.uint8), np.zeros(0, np.int32)),
    ],
)
def test_images_that_do_not_match_labels_are_refused(images, labels):
    with pytest.raises(ValueError, match="`images` must be uint8 of shape"):
        digits.Digits(images, labels)
