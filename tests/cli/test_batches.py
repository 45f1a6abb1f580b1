"""`predict --beam` on the command line, in the test process."""

import json
import sys

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_attention import export
from keras_attention_cli import main


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An export folder of a small model, with labels and no TFLite file."""
    out = tmp_path_factory.mktemp("cli") / "exported"
    (out / "saved_model").mkdir(parents=True)
    layers = [keras.Input((16, 16, 1)), keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(3)])
    export.export_saved_model(model, out / "saved_model" / "1")
    card = {"labels": ["cat", "dog", "bird"]}
    (out / "model_card.json").write_text(json.dumps(card))
    return out


@pytest.fixture
def scans(tmp_path):
    scans = tmp_path / "scans"
    scans.mkdir()
    for number in range(3):
        pixels = np.full((16, 16), 80 * number, "uint8")
        Image.fromarray(pixels).save(scans / f"{number}.png")
    (scans / "bad.png").touch()
    return scans


def test_a_folder_becomes_two_files_of_lines(exported, scans, tmp_path):
    out = tmp_path / "out"
    options = ("--beam", "--out", out, "--workers", 1)
    result = invoke("predict", exported, scans, *options, "--json")
    assert result.exit_code == 0, result.output
    done = json.loads(result.stdout)
    assert (done["num_predictions"], done["num_failures"]) == (3, 1)
    first = json.loads((out / "predictions.jsonl").read_text().splitlines()[0])
    assert first["image"] == str(scans / "0.png")
    assert first["label"] == ["cat", "dog", "bird"][first["class"]]

    again = invoke("predict", exported, scans, *options)
    assert again.exit_code == 1
    assert "new or empty folder" in again.stderr


def test_what_follows_two_dashes_is_for_beam(exported, scans, tmp_path):
    options = ("--beam", "--out", tmp_path / "out")
    result = invoke("predict", exported, scans, *options, "--", "--runner=No")
    assert result.exit_code == 1
    assert "Unexpected pipeline runner: No" in result.stderr
    assert not (tmp_path / "out").exists()


def test_without_beam_two_dashes_mean_what_they_always_mean(exported):
    result = invoke("predict", exported, "--", "--no-such-file.png")
    assert result.exit_code == 1
    assert "'--no-such-file.png'" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--beam"], "--beam needs --out"),
        (["--beam", "--out", "out", "--picture", "a.png"], "no --picture"),
        (["--out", "out"], "--out is for --beam"),
        (["--beam", "--out", "out", "--workers", "0"], "x>=1"),
    ],
)
def test_options_that_do_not_go_together(exported, options, said):
    result = invoke("predict", exported, "a.png", *options)
    assert result.exit_code == 2
    assert said in result.stderr


def test_without_apache_beam_it_says_what_to_install(
    exported, scans, tmp_path, monkeypatch
):
    for name in list(sys.modules):
        if name.startswith("keras_attention.export.batch"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(export, "batch", raising=False)
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    result = invoke("predict", exported, scans, "--beam", "--out", tmp_path)
    assert result.exit_code == 1
    assert "pip install 'keras-visual-attention[beam]'" in result.stderr
