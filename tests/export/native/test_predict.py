"""The program in C++ is built as its first comment says, and run."""

import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_attention.export import load_exported

SOURCE = pathlib.Path(__file__).parents[3] / "export/native/predict.cc"

pytestmark = pytest.mark.skipif(
    shutil.which("c++") is None, reason="there is no C++ compiler"
)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program, built by the command of its comment."""
    folder = tmp_path_factory.mktemp("native")
    shutil.copy(SOURCE, folder)
    comment = SOURCE.read_text().partition("*/")[0]
    python = pathlib.Path(sys.executable).parent
    done = subprocess.run(
        comment.partition("To build:")[2],
        shell=True,
        cwd=folder,
        env=os.environ | {"PATH": f"{python}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "predict"


@pytest.fixture(scope="module")
def pixels(images):
    """Real digits in 256 greys, as files hold them."""
    return np.round(images * 255).astype("uint8")


def run(program, *arguments):
    """Runs it with an empty environment: nothing there leads to Python."""
    return subprocess.run(
        [program, *arguments],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("number", [0, 7])
def test_it_answers_as_the_saved_model_does(
    program, exported, pixels, tmp_path, number
):
    saved_model = exported / "saved_model" / "1"
    image = tmp_path / "digit.pgm"
    Image.fromarray(pixels[number, :, :, 0]).save(image)
    done = run(program, saved_model, image)
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        name, *numbers = line.split()
        found[name] = np.array(numbers, float)
    expected = load_exported(saved_model).predict(pixels[number, None])
    assert set(found) == set(expected)
    assert found["class"] == expected["class"]
    for name, value in expected.items():
        tolerance = 1e-6 if name == "probabilities" else 1e-5
        np.testing.assert_allclose(found[name], value.ravel(), atol=tolerance)


def test_it_is_not_linked_to_python(program):
    linked = subprocess.run(
        ["ldd", program], capture_output=True, text=True, check=True
    ).stdout
    assert "libtensorflow_cc" in linked
    assert "libpython" not in linked


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"P5 28 28 255\n" + bytes(783), "cut short"),
        (b"P5 28 27 255\n" + bytes(784), "of the model's size"),
        (b"P6 28 28 255\n" + bytes(3 * 784), "of the model's size"),
        (b"P5 28 28 65535\n" + bytes(2 * 784), "of the model's size"),
        (b"\x89PNG\r\n", "not a binary PGM"),
    ],
)
def test_an_image_that_does_not_fit_is_refused(
    program, exported, tmp_path, content, said
):
    image = tmp_path / "image"
    image.write_bytes(content)
    done = run(program, exported / "saved_model" / "1", image)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stdout == ""


def test_a_folder_without_a_saved_model_is_named(program, tmp_path):
    done = run(program, tmp_path, tmp_path / "digit.pgm")
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr


def test_it_has_less_than_100_lines_of_80_characters():
    lines = SOURCE.read_text().splitlines()
    assert len(lines) < 100
    assert not [line for line in lines if len(line) > 80]
