import json

import pytest
from click.testing import CliRunner
from PIL import Image

from keras_attention import training
from keras_attention.training import recipes
from keras_attention_cli import main


def _invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def _answer(*arguments):
    result = _invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def _refusal(*arguments):
    result = _invoke(*arguments)
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    return result.stderr


@pytest.fixture(scope="session")
def invoke():
    """Runs a command; the result that click's runner gives."""
    return _invoke


@pytest.fixture(scope="session")
def answer():
    """What a command prints with --json."""
    return _answer


@pytest.fixture(scope="session")
def refusal():
    """What a command that fails says."""
    return _refusal


@pytest.fixture
def digit(tmp_path):
    """A PNG file of a real digit, 16x16."""
    path = tmp_path / "digit.png"
    image = training.load_digits("digits")["test"].images[0]
    Image.fromarray(image).save(path)
    return path


@pytest.fixture(scope="session")
def exported(trained, tiny_recipe, tmp_path_factory):
    """Folder of an export of the run of `tiny`, not to be changed."""
    out = tmp_path_factory.mktemp("cli") / "exported"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "get", lambda name: tiny_recipe)
        assert _answer("export", trained[0], "--out", out)["tflite"]
    return out
