import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from keras_attention.export.batch import predict_images

# What is no image, and what reading it says.
BAD = {
    "empty.png": b"",
    "text.png": b"no picture",
    "damaged.png": b"\x89PNG\r\n\x1a\nno picture",
}


@pytest.fixture(scope="session")
def folder(images, tmp_path_factory):
    """A folder of 20 images of digits, three bad ones, and a text file."""
    folder = tmp_path_factory.mktemp("scans")
    (folder / "more").mkdir()
    for number, image in enumerate(images[:20]):
        pixels = np.round(image[..., 0] * 255).astype("uint8")
        below = folder / "more" if number >= 15 else folder
        Image.fromarray(pixels).save(below / f"{number:02d}.png")
    for name, content in BAD.items():
        (folder / name).write_bytes(content)
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture(scope="session")
def batch(exported, folder, tmp_path_factory):
    """What a batch gave for the folder and two more files; where it is."""
    out = tmp_path_factory.mktemp("batch")
    listed = out / "list.txt"
    listed.write_text(f"{folder}/00.png\n{folder}/missing.png\n")
    done = predict_images(exported, [folder, f"@{listed}"], out / "out")
    return done, out / "out"


@pytest.fixture(scope="session")
def lines():
    """Reads a file of JSON lines."""

    def read(file):
        text = pathlib.Path(file).read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()]

    return read


@pytest.fixture(scope="session")
def assert_same():
    """Compares answers up to the last digits, which a batch's size changes."""

    def compare(found, expected):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            one, other = dict(one), dict(other)
            for name in ("probability", "location"):
                np.testing.assert_allclose(
                    one.pop(name), other.pop(name), 0, 1e-6
                )
            assert one == other

    return compare
