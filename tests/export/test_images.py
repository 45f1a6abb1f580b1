import io

import numpy as np
import pytest
from PIL import Image

from keras_attention.export import images, read_image

GREY = np.array([[0, 51], [102, 255]], "uint8")


def saved(path, pixels, mode=None, **options):
    image = Image.fromarray(pixels) if mode is None else pixels.convert(mode)
    image.save(path, **options)
    return path


def test_a_grey_png_of_the_right_size_is_divided_by_255(tmp_path):
    file = saved(tmp_path / "a.png", GREY)
    image = read_image(file, (2, 2, 1))
    assert image.dtype == np.float32
    np.testing.assert_allclose(image[..., 0], [[0, 0.2], [0.4, 1]], atol=1e-7)


def test_a_grey_png_fills_three_channels(tmp_path):
    image = read_image(saved(tmp_path / "a.png", GREY), (2, 2, 3))
    np.testing.assert_allclose(image[1, 0], [0.4] * 3, atol=1e-7)


def test_colours_become_grey_by_their_brightness(tmp_path):
    red = np.zeros((2, 2, 3), "uint8")
    red[..., 0] = 255
    image = read_image(saved(tmp_path / "a.png", red), (2, 2, 1))
    np.testing.assert_allclose(image, 0.299, atol=0.005)  # ITU-R 601


def test_a_jpeg_is_read(tmp_path):
    pixels = np.full((8, 8, 3), (255, 0, 0), "uint8")
    file = saved(tmp_path / "a.jpg", pixels, quality=95)
    image = read_image(file, (8, 8, 3))
    np.testing.assert_allclose(image[4, 4], [1, 0, 0], atol=0.02)


def test_a_file_that_is_open_is_read_like_one_by_its_name(tmp_path):
    file = saved(tmp_path / "a.png", GREY)
    with open(file, "rb") as content:
        image = read_image(content, (2, 2, 1))
    np.testing.assert_array_equal(image, read_image(file, (2, 2, 1)))
    with pytest.raises(ValueError, match="neither PNG.*'an open file'"):
        read_image(io.BytesIO(b"no picture"), (2, 2, 1))


def test_a_model_of_any_size_reads_no_files(tmp_path):
    file = saved(tmp_path / "a.png", GREY)
    with pytest.raises(ValueError, match=r"one size.*\(None, None, 1\)"):
        read_image(file, (None, None, 1))


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_transparent_is_composited_on_black(tmp_path, channels):
    pixels = np.full((2, 2, 4), 255, "uint8")
    pixels[..., 3] = [[0, 51], [102, 255]]
    image = read_image(saved(tmp_path / "a.png", pixels), (2, 2, channels))
    np.testing.assert_allclose(image[..., -1], [[0, 0.2], [0.4, 1]], atol=1e-6)


def test_a_transparent_colour_of_a_palette_becomes_black(tmp_path):
    image = Image.fromarray(GREY).convert("P")
    index = image.getpixel((1, 1))
    image.save(tmp_path / "a.png", transparency=index)
    image = read_image(tmp_path / "a.png", (2, 2, 1))
    np.testing.assert_allclose(image[..., 0], [[0, 0.2], [0.4, 0]], atol=0.01)


def test_a_palette_is_looked_up(tmp_path):
    image = Image.fromarray(GREY).convert("P")
    image.save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png", (2, 2, 1))
    np.testing.assert_allclose(image[..., 0], [[0, 0.2], [0.4, 1]], atol=0.01)


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_of_grey_keep_their_precision(tmp_path, channels):
    pixels = np.array([[0, 1], [32768, 65535]], "uint16")
    image = read_image(saved(tmp_path / "a.png", pixels), (2, 2, channels))
    np.testing.assert_allclose(image[..., -1], pixels / 65535, atol=1e-7)


def test_one_bit_is_black_and_white(tmp_path):
    file = saved(tmp_path / "a.png", np.array([[True, False]]))
    assert read_image(file, (1, 2, 1))[0, :, 0].tolist() == [1, 0]


def test_grey_with_alpha_is_composited_on_black(tmp_path):
    image = Image.merge(
        "LA", [Image.new("L", (2, 2), 255), Image.fromarray(GREY)]
    )
    image.save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png", (2, 2, 1))
    np.testing.assert_allclose(image[..., 0], [[0, 0.2], [0.4, 1]], atol=1e-6)


def test_a_cmyk_jpeg_is_read(tmp_path):
    Image.new("CMYK", (8, 8), (0, 0, 0, 0)).save(tmp_path / "a.jpg")
    image = read_image(tmp_path / "a.jpg", (8, 8, 3))
    np.testing.assert_allclose(image, 1, atol=0.02)


def test_a_turned_photograph_is_put_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    file = saved(tmp_path / "a.png", GREY, exif=exif)
    image = read_image(file, (2, 2, 1))
    np.testing.assert_allclose(image[..., 0], [[0.4, 0], [1, 0.2]], atol=1e-7)


def test_a_wide_image_keeps_its_proportions_on_black(tmp_path):
    file = saved(tmp_path / "a.png", np.full((10, 20), 255, "uint8"))
    image = read_image(file, (8, 8, 1))[..., 0]
    assert image[2:6].min() == 1
    assert image[:2].max() == image[6:].max() == 0


def test_a_small_image_is_enlarged(tmp_path):
    file = saved(tmp_path / "a.png", np.full((2, 2), 255, "uint8"))
    assert read_image(file, (8, 8, 1)).min() == 1


def test_shrinking_averages(tmp_path):
    board = np.indices((32, 32)).sum(axis=0) % 2 * 255
    file = saved(tmp_path / "a.png", board.astype("uint8"))
    np.testing.assert_allclose(read_image(file, (4, 4, 1)), 0.5, atol=0.02)


def test_a_very_thin_image_keeps_one_pixel(tmp_path):
    file = saved(tmp_path / "a.png", np.full((1, 1000), 255, "uint8"))
    image = read_image(file, (8, 8, 1))
    assert image.shape == (8, 8, 1)
    assert image.sum() == pytest.approx(8)


def damaged_files(folder):
    noise = np.random.RandomState(0).randint(0, 256, (64, 64), "uint8")
    png = saved(folder / "a.png", noise).read_bytes()
    jpeg = saved(folder / "a.jpg", noise).read_bytes()
    return {
        "empty": b"",
        "text": b"hello",
        "truncated png": png[: len(png) // 2],
        "truncated jpeg": jpeg[: len(jpeg) // 2],
        "header alone": png[:40],
        "corrupt png": png[:100] + bytes(50) + png[150:],
    }


@pytest.mark.parametrize(
    "damage",
    [
        "empty",
        "text",
        "truncated png",
        "truncated jpeg",
        "header alone",
        "corrupt png",
    ],
)
def test_a_damaged_file_is_named(tmp_path, damage):
    file = tmp_path / "broken.png"
    file.write_bytes(damaged_files(tmp_path)[damage])
    with pytest.raises(ValueError, match="damaged.*broken.png"):
        read_image(file, (8, 8, 1))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="missing.*nowhere.png"):
        read_image(tmp_path / "nowhere.png", (8, 8, 1))


def test_a_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match=f"Received: '{tmp_path}'"):
        read_image(tmp_path, (8, 8, 1))


def test_another_format_is_refused(tmp_path):
    file = saved(tmp_path / "a.bmp", GREY)
    with pytest.raises(ValueError, match="neither PNG nor JPEG.*a.bmp"):
        read_image(file, (2, 2, 1))


@pytest.mark.parametrize("limit", [None, 3])
def test_a_decompression_bomb_is_refused_unread(tmp_path, monkeypatch, limit):
    if limit:
        file = saved(tmp_path / "a.png", GREY)
        monkeypatch.setattr(images, "MAX_PIXELS", limit)
    else:  # 100 megapixels in 12 kB; Pillow itself would warn and go on
        file = tmp_path / "a.png"
        Image.new("1", (10_000, 10_000)).save(file)
    with pytest.raises(ValueError, match="pixels, more than"):
        read_image(file, (2, 2, 1))


def test_a_model_of_two_channels_reads_no_files(tmp_path):
    with pytest.raises(ValueError, match="1 or 3 channels. Received: shape="):
        read_image(saved(tmp_path / "a.png", GREY), (2, 2, 2))
