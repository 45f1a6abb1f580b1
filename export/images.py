"""Reads image files as a classifier takes them."""

import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

# Larger files are refused before they are decoded: this many pixels of three
# channels and an alpha channel take about 1.5 GB on the way.
MAX_PIXELS = 50_000_000
MODES = {1: "L", 3: "RGB"}


def read_image(
    file: str | Path | BinaryIO, shape: tuple[int, int, int]
) -> np.ndarray:
    """Reads a PNG or JPEG file.

    Colours become grey, or grey becomes colours, as the model needs; what is
    transparent becomes black. A picture turned by its EXIF tag is put
    upright. A picture of another size is resized, keeping its proportions,
    to the largest size that fits (bilinear with antialiasing), and centred
    on black. Brightness is not changed: a model that learned bright ink on
    black needs that.

    Args:
        file: the file, or one that is open.
        shape: (H, W, C) of the model's images, with one or three channels.

    Returns:
        (H, W, C) float32 in [0, 1].

    Raises:
        ValueError: if the file is missing, empty, damaged, of another format
            or too large, if C is neither 1 nor 3, or H or W not known.
    """
    from PIL import Image, ImageOps

    height, width, channels = shape
    if channels not in MODES:
        raise ValueError(
            "Image files can be read for models of 1 or 3 channels. "
            f"Received: shape={tuple(shape)}"
        )
    if None in shape:
        raise ValueError(
            "The model takes images of any size, to none of which a file can "
            f"be fitted: export it with one size. Received: {tuple(shape)}"
        )
    try:
        with warnings.catch_warnings():
            # Of the size, which is checked here against a lower limit.
            warnings.simplefilter("ignore")
            with Image.open(file, formats=("PNG", "JPEG")) as image:
                _check_size(image.size)
                image.load()
                image = ImageOps.exif_transpose(image)
                pixels = _pixels(image, MODES[channels])
    # Pillow's plug-ins raise all kinds of errors on damaged files.
    except Exception as error:
        raise ValueError(
            "The file is missing, damaged, too large, or neither PNG nor "
            f"JPEG. Received: {_name(file)!r}; {error}"
        ) from error
    return _fitted(pixels, height, width)


def _name(file: str | Path | BinaryIO) -> str:
    if isinstance(file, (str, Path)):
        return str(file)
    return str(getattr(file, "name", "an open file"))


def _check_size(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(
            f"it has {size[0]} x {size[1]} pixels, more than {MAX_PIXELS}"
        )


def _pixels(image: Any, mode: str) -> np.ndarray:
    """(h, w, C) float32 in [0, 1]."""
    if image.mode.startswith("I"):  # 16 bits of grey
        grey = np.asarray(image).astype(np.float32)[..., None] / 65535
        return np.repeat(np.clip(grey, 0, 1), len(mode), axis=-1)
    if not image.has_transparency_data:
        return _array(image.convert(mode))
    image = image.convert("RGBA")
    alpha = _array(image.getchannel("A"))
    return _array(image.convert("RGB").convert(mode)) * alpha


def _array(image: Any) -> np.ndarray:
    pixels = np.asarray(image, np.float32) / np.float32(255)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _fitted(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    from PIL import Image

    if pixels.shape[:2] == (height, width):
        return pixels
    scale = min(height / pixels.shape[0], width / pixels.shape[1])
    rows = min(height, max(1, round(pixels.shape[0] * scale)))
    columns = min(width, max(1, round(pixels.shape[1] * scale)))
    resized = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(channel)).resize(
                (columns, rows), Image.Resampling.BILINEAR
            )
        )
        for channel in np.moveaxis(pixels, -1, 0)
    ]
    fitted = np.zeros((height, width, pixels.shape[-1]), np.float32)
    top, left = (height - rows) // 2, (width - columns) // 2
    fitted[top : top + rows, left : left + columns] = np.stack(resized, -1)
    return np.clip(fitted, 0, 1)
