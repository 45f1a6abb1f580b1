"""Turns a picture upright inside a graph, as its EXIF tag says.

Cameras store a picture as their sensor lay, and beside it which way is up: the
tag 0x0112 of the EXIF block, a number from 1 to 8. Of the two byte orders of
such a block, both are known. A JPEG names the block `Exif`, a PNG `eXIf`.
"""

import tensorflow as tf

# The block stands at the start of a file; a thumbnail may follow in it.
HEAD = 4096
# `\C` is any byte. Tag, type (short) and count (1), then the number.
_LITTLE = r"\x12\x01\x03\x00\x01\x00\x00\x00"
_BIG = r"\x01\x12\x00\x03\x00\x00\x00\x01\x00"
_NAME = r"(?:Exif\x00\x00|eXIf)"
_PATTERN = rf"^\C*?{_NAME}\C*?(?:{_LITTLE}|{_BIG})([\x01-\x08])\C*$"


def orientation(file: tf.Tensor) -> tf.Tensor:
    """The orientation of a JPEG or PNG file.

    Args:
        file: scalar string, its bytes.

    Returns:
        Scalar int32, 1 to 8; 1, upright, where the file does not say.
    """
    head = tf.strings.substr(file, 0, HEAD)
    found = tf.strings.regex_replace(head, _PATTERN, r"\1")
    return tf.cond(
        tf.equal(tf.strings.length(found), 1),
        lambda: tf.cast(tf.io.decode_raw(found, "uint8")[0], "int32"),
        lambda: tf.constant(1),
    )


def upright(pixels: tf.Tensor, turned: tf.Tensor) -> tf.Tensor:
    """Turns or mirrors an image so that it lies as its orientation says.

    Args:
        pixels: (h, w, C).
        turned: scalar int32, 1 to 8.

    Returns:
        (h, w, C), or (w, h, C) from 5 on.
    """
    # From 5 on rows and columns change places; then it is mirrored.
    swapped = tf.cond(
        turned >= 5, lambda: tf.transpose(pixels, (1, 0, 2)), lambda: pixels
    )
    columns = _one_of(turned, (2, 3, 6, 7))
    rows = _one_of(turned, (3, 4, 7, 8))
    swapped = tf.cond(columns, lambda: swapped[:, ::-1], lambda: swapped)
    return tf.cond(rows, lambda: swapped[::-1], lambda: swapped)


def _one_of(value: tf.Tensor, numbers: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(tf.equal(value, numbers))
