"""Pictures turned upright in a graph, against Pillow."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from keras_attention.export import exif

ORIENTATION = 0x0112
PIXELS = np.arange(4 * 6 * 3, dtype="uint8").reshape(4, 6, 3)


def tagged_file(orientation, little_endian, other_tags=True, kind="JPEG"):
    tags = Image.Exif()
    tags.endian = "<" if little_endian else ">"
    if other_tags:
        tags[0x010F] = "a maker of cameras"
    tags[ORIENTATION] = orientation
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, kind, exif=tags)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("little_endian", [True, False])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_tag_is_read_and_followed(orientation, little_endian, kind):
    file = tagged_file(orientation, little_endian, kind=kind)
    assert exif.orientation(tf.constant(file)).numpy() == orientation
    tagged = Image.fromarray(PIXELS)
    tagged.getexif()[ORIENTATION] = orientation
    expected = np.asarray(ImageOps.exif_transpose(tagged))
    found = exif.upright(tf.constant(PIXELS), tf.constant(orientation))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_a_tag_that_says_nothing_leaves_the_picture(orientation):
    file = tagged_file(orientation, little_endian=True)
    assert exif.orientation(tf.constant(file)).numpy() == 1


def test_a_file_without_a_tag_is_upright():
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "JPEG")
    assert exif.orientation(tf.constant(file.getvalue())).numpy() == 1
