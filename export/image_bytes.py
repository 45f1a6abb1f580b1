"""Decodes image files inside a graph, as `images.read_image` does outside."""

import tensorflow as tf

from . import exif
from .images import MAX_PIXELS, MODES

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
# What Pillow computes grey of: 299, 587 and 114 thousandths of 2 ** 16.
_GREY = (19595, 38470, 7471)


def can_decode(spec: tf.TensorSpec) -> bool:
    """Whether files become images of a spec: its size and channels known."""
    return None not in spec.shape[1:] and spec.shape[-1] in MODES


def decode(files: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    """Decodes PNG and JPEG files, to the size that a model takes.

    They become what `images.read_image` makes of them: grey or coloured as
    the model needs, what is transparent black, upright as their EXIF tag
    says, resized with their proportions (bilinear with antialiasing) and
    centred on black.

    Args:
        files: (B,) strings, the bytes of the files.
        shape: (H, W, C) of the images, with one or three channels.

    Returns:
        (B, H, W, C) float32 in [0, 1].

    Raises:
        tf.errors.InvalidArgumentError: when run, on what is neither PNG nor
            JPEG, damaged, or has more than `MAX_PIXELS` pixels.
    """
    return tf.map_fn(
        lambda file: _decode_one(file, shape),
        files,
        fn_output_signature=tf.TensorSpec(shape, "float32"),
    )


def _decode_one(file: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    is_png = tf.equal(tf.strings.substr(file, 0, len(_PNG)), _PNG)
    is_jpeg = tf.equal(tf.strings.substr(file, 0, len(_JPEG)), _JPEG)
    known = tf.debugging.Assert(
        is_png | is_jpeg, ["The image is neither PNG nor JPEG"]
    )
    with tf.control_dependencies([known]):
        pixels = tf.cond(
            is_png,
            lambda: _of_png(file, shape[-1]),
            lambda: _of_jpeg(file, shape[-1]),
        )
    pixels = exif.upright(pixels, exif.orientation(file))
    return _fitted(pixels, shape)


def _of_png(file: tf.Tensor, channels: int) -> tf.Tensor:
    """(h, w, C) in [0, 1]; what is transparent becomes black."""
    header = tf.io.decode_raw(tf.strings.substr(file, 16, 10), "uint8")
    header = tf.ensure_shape(tf.cast(header, "int64"), (10,))
    sides = tf.reshape(header[:8], (2, 4)) * [1 << 24, 1 << 16, 1 << 8, 1]
    width, height = tf.unstack(tf.reduce_sum(sides, axis=1))
    depth, kind = tf.unstack(header[8:])
    with tf.control_dependencies([_check_size(width, height)]):
        pixels = tf.cond(
            tf.equal(depth, 16),
            lambda: _png_of(file, "uint16"),
            # As 16 bits it would be wrong where it has less than 8.
            lambda: _png_of(file, "uint8") * 257,
        )
    colours, alpha = pixels[..., :3] // 256, pixels[..., 3:] // 256
    # With less than 8 bits, the highest of them stands for opaque.
    filler = tf.cast(tf.bitwise.left_shift(tf.ones_like(depth), depth), "int32")
    is_opaque = (depth < 8) & tf.reduce_all(tf.equal(alpha, filler - 1))
    alpha = tf.where(is_opaque, 255, alpha)
    deep_grey = tf.cast(pixels[..., :1], "float32") / 65535
    scaled = tf.where(
        tf.equal(depth, 16) & tf.equal(kind, 0),
        tf.repeat(deep_grey, channels, axis=-1),
        _scaled(colours, channels),
    )
    return scaled * tf.cast(alpha, "float32") / 255


def _png_of(file: tf.Tensor, dtype: str) -> tf.Tensor:
    return tf.cast(tf.io.decode_png(file, channels=4, dtype=dtype), "int32")


def _of_jpeg(file: tf.Tensor, channels: int) -> tf.Tensor:
    """(h, w, C) in [0, 1]."""
    size = tf.cast(tf.io.extract_jpeg_shape(file), "int64")
    with tf.control_dependencies([_check_size(size[1], size[0])]):
        # The transform that Pillow decodes with too.
        colours = tf.io.decode_jpeg(
            file, channels=3, dct_method="INTEGER_ACCURATE"
        )
    return _scaled(tf.cast(colours, "int32"), channels)


def _check_size(width: tf.Tensor, height: tf.Tensor) -> tf.Operation:
    return tf.debugging.Assert(
        (width > 0) & (height > 0) & (width * height <= MAX_PIXELS),
        ["The image has no or too many pixels: its sides are", width, height],
    )


def _scaled(colours: tf.Tensor, channels: int) -> tf.Tensor:
    """Colours 0-255, (h, w, 3) int32, as (h, w, C) in [0, 1]."""
    if channels == 1:
        grey = tf.reduce_sum(colours * _GREY, axis=-1, keepdims=True)
        colours = (grey + (1 << 15)) // (1 << 16)
    return tf.cast(colours, "float32") / 255


def _fitted(pixels: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    """Resized to the largest size that fits, and centred on black."""
    height, width, channels = shape
    rows, columns = tf.unstack(tf.shape(pixels)[:2])
    scale = tf.minimum(
        height / tf.cast(rows, "float64"), width / tf.cast(columns, "float64")
    )
    size = [
        tf.clip_by_value(
            tf.cast(tf.round(tf.cast(side, "float64") * scale), "int32"),
            1,
            most,
        )
        for side, most in ((rows, height), (columns, width))
    ]
    resized = tf.image.resize(pixels, size, antialias=True)
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    placed = tf.image.pad_to_bounding_box(resized, top, left, height, width)
    placed = tf.clip_by_value(placed, 0.0, 1.0)
    return tf.ensure_shape(placed, (height, width, channels))
