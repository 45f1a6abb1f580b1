"""Source digits: MNIST, or the handwriting that scikit-learn ships.

Both come as three splits that share no digit. The splits and the order inside
each are the same on every machine.
"""

import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SOURCES = ("mnist", "digits")
SPLITS = ("train", "validation", "test")

# Versioned, because the version fixes the order of the digits.
MNIST = "mnist:3.0.1"
MNIST_SHAPES = {"train": (60_000, 28, 28, 1), "test": (10_000, 28, 28, 1)}
MNIST_NUM_VALIDATION = 5_000
# One of the four files that TFDS downloads.
MNIST_URL = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/"
    "t10k-labels-idx1-ubyte.gz"
)

# Of scikit-learn's 1,797 digits; the rest trains.
DIGITS_NUM_VALIDATION = 200
DIGITS_NUM_TEST = 400


@dataclass(frozen=True, eq=False)
class Digits:
    """One split of source digits.

    Attributes:
        images: uint8 array, `(N, height, width)`, ink is bright (0-255).
        labels: int32 array, `(N,)`.
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self):
        """Checks that every image has a label."""
        if (
            self.images.ndim != 3
            or self.images.dtype != np.uint8
            or len(self.images) == 0
            or self.labels.shape != self.images.shape[:1]
        ):
            raise ValueError(
                "`images` must be uint8 of shape (N, height, width), N at "
                "least 1, and `labels` of shape (N,). Received: "
                f"images.dtype={self.images.dtype}, "
                f"images.shape={self.images.shape}, "
                f"labels.shape={self.labels.shape}"
            )


def load_digits(
    source: str = "mnist",
    data_dir: str | None = None,
    splits: Sequence[str] = SPLITS,
) -> dict[str, Digits]:
    """Loads the source digits of all splits, or of some.

    Args:
        source: `"mnist"` (28x28; 55,000 / 5,000 / 10,000 digits, through
            TensorFlow Datasets) or `"digits"` (8x8 drawn at 16x16;
            1,197 / 200 / 400 digits, shipped with scikit-learn).
        data_dir: Where TensorFlow Datasets keeps its data; by default the
            environment's `TFDS_DATA_DIR`, or TFDS's own default. Not used by
            `"digits"`.
        splits: Which of `"train"`, `"validation"` and `"test"`. MNIST's test
            digits alone are there in a sixth of the time.

    Returns:
        A dict of `Digits`, by split.

    Raises:
        ValueError: If the source or a split is unknown, or the data damaged.
        FileNotFoundError: If MNIST is not there and cannot be downloaded.
    """
    if source not in SOURCES:
        raise ValueError(
            f"`source` must be one of {SOURCES}. Received: source={source!r}"
        )
    if not set(splits) <= set(SPLITS):
        raise ValueError(
            f"`splits` must be of {SPLITS}. Received: splits={splits!r}"
        )
    if source == "mnist":
        loaded = _mnist(data_dir, splits)
    else:
        loaded = _scikit_learn_digits()
    return {split: loaded[split] for split in splits}


def _mnist(data_dir: str | None, splits: Sequence[str]) -> dict[str, Digits]:
    """The test split is MNIST's own, validation the last 5,000 of train.

    What none of the splits asked for needs is not read.
    """
    builder = _prepared_mnist(data_dir)
    loaded = {}
    if "test" in splits:
        loaded["test"] = Digits(*_read_mnist(builder, "test"))
    if {"train", "validation"} & set(splits):
        images, labels = _read_mnist(builder, "train")
        last = slice(-MNIST_NUM_VALIDATION, None)
        first = slice(-MNIST_NUM_VALIDATION)
        loaded["train"] = Digits(images[first], labels[first])
        loaded["validation"] = Digits(images[last], labels[last])
    return loaded


def _prepared_mnist(data_dir: str | None):
    """Returns TFDS's builder of MNIST, after a download if need be."""
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(MNIST, data_dir=data_dir)
    except Exception as error:  # TFDS raises what its parsers raise.
        raise ValueError(_damaged(data_dir, error)) from None
    if builder.data_path.exists():
        return builder
    try:
        _check_network()
        builder.download_and_prepare()
    except Exception as error:  # TFDS has many ways to fail at this.
        raise FileNotFoundError(
            f"MNIST is not in {builder.data_path} and could not be downloaded "
            f"({_summary(error)}). Set TFDS_DATA_DIR or --data-dir to a folder "
            "of TensorFlow Datasets that has it, or run once with network, or "
            "use the embedded source `digits`, which needs none."
        ) from None
    return builder


def _check_network():
    """Raises at once where TFDS would retry for minutes."""
    request = urllib.request.Request(MNIST_URL, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=10):
            pass
    except urllib.error.HTTPError as answer:
        answer.close()  # Something answers; TFDS says better what is wrong.


def _read_mnist(builder, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns one split of TFDS in its stored order."""
    try:
        data = builder.as_dataset(
            split=split, batch_size=-1, shuffle_files=False
        )
        images, labels = data["image"].numpy(), data["label"].numpy()
    except Exception as error:  # Missing shards, broken records, bad PNGs.
        raise ValueError(_damaged(builder.data_path, error)) from None
    if images.shape != MNIST_SHAPES[split]:
        raise ValueError(
            _damaged(
                builder.data_path,
                f"split {split!r} has shape {images.shape}, expected "
                f"{MNIST_SHAPES[split]}",
            )
        )
    return images[..., 0], labels.astype(np.int32)


def _damaged(folder, cause) -> str:
    return (
        f"The MNIST data in {folder or 'the TFDS data folder'} is damaged "
        f"({_summary(cause)}). Delete the `mnist` folder and run once with "
        "network, or use the embedded source `digits`."
    )


def _summary(cause) -> str:
    """The first line of an error, without TensorFlow's node names."""
    text = re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", str(cause)).strip()
    lines = text.splitlines() or [type(cause).__name__]
    return lines[0].strip()[:200]


def _scikit_learn_digits() -> dict[str, Digits]:
    """A fixed permutation of scikit-learn's digits, cut in three."""
    from sklearn import datasets

    data = datasets.load_digits()
    images = _double(data.images.astype(np.int64))
    labels = data.target.astype(np.int32)
    # RandomState, because NumPy froze its stream and not default_rng's.
    order = np.random.RandomState(0).permutation(len(images))
    train, validation, test = np.split(
        order,
        [
            -DIGITS_NUM_VALIDATION - DIGITS_NUM_TEST,
            -DIGITS_NUM_TEST,
        ],
    )
    parts = {"train": train, "validation": validation, "test": test}
    return {
        name: Digits(images[part], labels[part]) for name, part in parts.items()
    }


def _double(images: np.ndarray) -> np.ndarray:
    """Resizes images of 0..16 bilinearly to twice the size and 0..255.

    Pixel i covers [i, i + 1], so that the centre of an output pixel lies a
    quarter of an input pixel from the nearest centre: along each axis

        doubled = (3 * nearest + next) / 4

    with the edge repeated outside. In integers, hence exact: the two axes
    leave a factor 16, and 16 * 16 = 256 becomes 255.
    """
    sixteenfold = _double_axis(_double_axis(images, 1), 2)
    return ((sixteenfold * 255 + 128) // 256).astype(np.uint8)


def _double_axis(images: np.ndarray, axis: int) -> np.ndarray:
    """Doubles one axis, values times 4."""
    size = images.shape[axis]
    nearest = np.arange(2 * size) // 2
    # Even outputs lean to the pixel before, odd ones to the pixel after.
    beside = nearest + np.tile([-1, 1], size)
    beside = np.clip(beside, 0, size - 1)
    return 3 * images.take(nearest, axis) + images.take(beside, axis)
