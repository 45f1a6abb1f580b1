"""Which image files a person means by folders, patterns and lists."""

import os
from collections.abc import Iterable
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from .filesystem import matching

SUFFIXES = (".png", ".jpg", ".jpeg")


def image_files(images: Iterable[str | Path]) -> list[str]:
    """Names all image files, in order.

    Args:
        images: each is a file; a folder, of which all PNG and JPEG files
            are taken, in its subfolders too; a pattern with `*`, `?`, `[...]`
            or `**`; or `@` and a text file with a path on each line. Paths
            are local, or of a file system that Apache Beam knows, as
            `gs://`; there a folder ends with `/`.

    Returns:
        The paths as they were given. The same path may come twice.

    Raises:
        ValueError: if one of `images` is no file, or there is none at all.
    """
    files = [file for image in images for file in _files(str(image))]
    if not files:
        raise ValueError(
            "There is no image to read: give files, folders, patterns, or "
            "@ and a file that lists some. Received: "
            f"images={[str(image) for image in images]}"
        )
    return files


def _files(image: str) -> list[str]:
    if image.startswith("@"):
        return _listed(image[1:])
    is_remote = "://" in image
    if os.path.isdir(image) or (is_remote and image.endswith("/")):
        found = matching(image, "**")
        return [path for path in found if path.lower().endswith(SUFFIXES)]
    if FileSystems.exists(image):
        return [image]
    (matched,) = FileSystems.match([image])
    if not matched.metadata_list:
        raise ValueError(
            "There is no such file or folder, and no file matches it as a "
            f"pattern. Received: {image!r}"
        )
    return sorted(metadata.path for metadata in matched.metadata_list)


def _listed(file: str) -> list[str]:
    try:
        with FileSystems.open(file) as content:
            lines = content.read().decode("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"The list of images cannot be read. Received: {file!r}; {error}"
        ) from error
    # A name may hold what `splitlines` takes for the end of a line.
    return [line.removesuffix("\r") for line in lines if line.strip()]
