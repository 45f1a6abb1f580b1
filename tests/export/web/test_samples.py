import numpy as np
import pytest

from keras_attention.export.web import Samples
from keras_attention.export.web.samples import ink_size, stroke_width


def test_ink_is_as_large_as_its_longer_side(digits):
    assert ink_size(digits) == 9
    assert ink_size(digits.swapaxes(1, 2)) == 9
    both = np.concatenate([digits[:1], np.zeros_like(digits[:1])])
    assert ink_size(both) == 4.5


@pytest.mark.parametrize("width", [2, 3, 5])
def test_the_width_of_a_slanted_stroke_is_found(width):
    # The pixels nearer than half the width to a line at 30 degrees.
    y, x = np.mgrid[:200, :200] - 100
    across = y * np.cos(np.pi / 6) - x * np.sin(np.pi / 6)
    along = y * np.sin(np.pi / 6) + x * np.cos(np.pi / 6)
    line = (np.abs(across) <= width / 2) & (np.abs(along) <= 80)
    found = stroke_width(255 * line[None].astype("uint8"))
    assert found == pytest.approx(width, rel=0.2)


def test_no_ink_has_no_width():
    assert stroke_width(np.zeros((1, 4, 4), "uint8")) == 0


def test_what_does_not_fit_together_is_refused(digits):
    images = np.zeros((2, 6, 8, 1), "uint8")
    with pytest.raises(ValueError, match=r"`images`.*dtype=float32"):
        Samples(images.astype("float32"), [0, 1], digits)
    with pytest.raises(ValueError, match=r"`labels`.*2 images.*\(1,\)"):
        Samples(images, [0], digits)
    with pytest.raises(ValueError, match=r"`digits`.*shape=\(0, 12, 12\)"):
        Samples(images, [0, 1], digits[:0])
    with pytest.raises(ValueError, match=r"`piece_size`.*13.*12x12"):
        Samples(images, [0, 1], digits, piece_size=13)
