"""Wrong inputs are refused with a reason before the model sees them."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_attention.export.server import image_files
from keras_attention.export.server.inputs import checked_inputs
from keras_attention.export.server.signatures import Signature, Tensor

IMAGE = {"image": Tensor("float32", (None, 2, 3, 1))}
SAMPLE = Signature(
    {**IMAGE, "noise": Tensor("float32", (None, 4))}, {}, lambda **_: {}
)
FILES = Signature({"image_bytes": Tensor("bytes", (None,))}, {}, lambda **_: {})


def images(value=0.5, size=2):
    return np.full((size, 2, 3, 1), value).tolist()


def noise(value=0.5, size=2):
    return np.full((size, 4), value).tolist()


def png(size=(3, 2)):
    file = io.BytesIO()
    Image.new("L", size).save(file, "png")
    return file.getvalue()


def test_lists_become_float32_arrays():
    found = checked_inputs(SAMPLE, {"image": images(), "noise": noise()}, 2)
    assert found["image"].shape == (2, 2, 3, 1)
    assert {array.dtype.name for array in found.values()} == {"float32"}


def test_whole_numbers_are_numbers_too():
    found = checked_inputs(SAMPLE, {"image": images(1), "noise": noise(0)}, 2)
    assert found["image"].max() == 1.0


def test_uint8_stands_for_0_to_255():
    image = np.full((2, 2, 3, 1), 255, "uint8")
    found = checked_inputs(SAMPLE, {"image": image, "noise": noise()}, 2)
    assert found["image"].max() == 1.0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image": images(2)}, "must be in \\[0, 1\\]"),
        ({"image": images(float("nan"))}, "not NaN"),
        ({"image": images(1e300)}, "values from inf to inf"),
        ({"image": images("0.5")}, "`image` must hold numbers"),
        ({"image": images(None)}, "`image` must hold numbers"),
        ({"image": images(True)}, "`image` must hold numbers"),
        ({"image": [[1, 2], [3]]}, "rows have equal lengths"),
        ({"image": 3}, "`image` must have a batch axis"),
        ({"image": images(size=3)}, "same batch size"),
        ({"image": images(size=3), "noise": noise(size=3)}, "1 to 2 examples"),
        ({"image": [], "noise": []}, "1 to 2 examples. Received: 0"),
        ({"noise": noise(-0.1)}, "`noise` must be in \\[0, 1\\] and not NaN"),
        ({"noise": noise(float("nan"))}, "`noise` must be in"),
        ({"noise": images()}, r"must have the shape \(batch, 4\)"),
        ({"other": images()}, "takes \\['image', 'noise'\\]. Received"),
    ],
)
def test_wrong_arrays_are_refused(changes, reason):
    inputs = {"image": images(), "noise": noise(), **changes}
    with pytest.raises(ValueError, match=reason):
        checked_inputs(SAMPLE, inputs, 2)


def test_a_model_for_uint8_takes_whole_numbers_alone():
    signature = Signature(
        {"image": Tensor("uint8", (None, 2, 3, 1))}, {}, lambda **_: {}
    )
    found = checked_inputs(signature, {"image": images(255)}, 2)
    assert found["image"].dtype == np.uint8
    assert found["image"].max() == 255
    for wrong in (images(0.5), images(-1), images(256), images(1.0)):
        with pytest.raises(ValueError, match="whole numbers from 0 to 255"):
            checked_inputs(signature, {"image": wrong}, 2)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (["text"], "must hold encoded files"),
        ([3], "Received: \\['int'\\]"),
        ([b"text"], "Image 0 is damaged, or neither PNG nor JPEG"),
        ([png(), b""], "Image 1 is damaged"),
        ([png((5000, 4000))], "at most 16000000 pixels are decoded"),
    ],
)
def test_wrong_files_are_refused(files, reason):
    with pytest.raises(ValueError, match=reason):
        checked_inputs(FILES, {"image_bytes": files}, 2)


def test_a_file_that_is_cut_off_is_refused_when_it_is_read():
    content = png((200, 200))
    with pytest.raises(ValueError, match="Image 1 is damaged, or neither"):
        image_files.read_all([png(), content[: len(content) // 2]], (2, 3, 1))
