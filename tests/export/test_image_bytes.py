"""Files decoded inside a graph, against Pillow."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_attention.export import image_bytes, read_image

PIXELS = (
    np.random.default_rng(0).normal(128, 40, (50, 70, 4)).cumsum(axis=0) / 8
) % 255
PIXELS = PIXELS.astype("uint8")
GREY, RGB = Image.fromarray(PIXELS[..., 0]), Image.fromarray(PIXELS[..., :3])


def encoded(image, file_format, **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def turned(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


FILES = {
    "grey": encoded(GREY, "PNG"),
    "colour": encoded(RGB, "PNG"),
    "alpha": encoded(Image.fromarray(PIXELS), "PNG"),
    "grey with alpha": encoded(Image.fromarray(PIXELS[..., :2], "LA"), "PNG"),
    "palette of 16": encoded(RGB.quantize(16), "PNG"),
    "palette of 256": encoded(RGB.quantize(256), "PNG"),
    "one bit": encoded(GREY.convert("1"), "PNG"),
    "16 bits": encoded(
        Image.fromarray(PIXELS[..., 0].astype("uint16") * 211), "PNG"
    ),
    "one transparent colour": encoded(
        RGB, "PNG", transparency=tuple(map(int, PIXELS[3, 4, :3]))
    ),
    "JPEG": encoded(RGB, "JPEG"),
    "grey JPEG": encoded(GREY, "JPEG"),
    "turned JPEG": encoded(RGB, "JPEG", exif=turned(6)),
    "turned PNG": encoded(RGB, "PNG", exif=turned(6)),
    "turned grey PNG": encoded(GREY, "PNG", exif=turned(8)),
    "CMYK": encoded(RGB.convert("CMYK"), "JPEG"),
}


@pytest.fixture(scope="module", params=[(50, 70, 1), (28, 30, 3), (120, 90, 1)])
def decoder(request):
    shape = request.param
    decode = tf.function(
        lambda files: image_bytes.decode(files, shape),
        input_signature=[tf.TensorSpec((None,), "string")],
    )
    return shape, decode


def test_files_of_every_form_become_what_pillow_makes_of_them(decoder):
    shape, decode = decoder
    found = decode(tf.constant(list(FILES.values()))).numpy()
    for name, image in zip(FILES, found, strict=True):
        expected = read_image(io.BytesIO(FILES[name]), shape)
        np.testing.assert_allclose(image, expected, atol=1e-5, err_msg=name)


def png_of(width, height):
    """The head of a PNG file that says it has these sides."""
    head = FILES["grey"][:16]
    sides = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return head + sides + FILES["grey"][24:]


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (b"", "neither PNG nor JPEG"),
        (b"GIF89a", "neither PNG nor JPEG"),
        (FILES["grey"][:100], "PNG"),
        (FILES["JPEG"][:30], "."),
        (png_of(60_000, 60_000), "no or too many pixels"),
        (png_of(0, 5), "no or too many pixels"),
    ],
)
def test_what_is_no_image_is_refused(decoder, file, reason):
    _, decode = decoder
    with pytest.raises(tf.errors.InvalidArgumentError, match=reason):
        decode(tf.constant([FILES["grey"], file]))


@pytest.mark.parametrize(
    ("shape", "can"),
    [
        ((None, 8, 8, 1), True),
        ((None, 8, 8, 3), True),
        ((None, 8, None, 1), False),
        ((None, 8, 8, 2), False),
    ],
)
def test_the_size_and_one_or_three_channels_must_be_known(shape, can):
    assert image_bytes.can_decode(tf.TensorSpec(shape)) is can
