import numpy as np
import pytest
from PIL import Image

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
