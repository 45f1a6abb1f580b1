"""`keras-attention web` and `demo --web`, but for npm and the browser."""

import json
import sys
import urllib.request
import webbrowser

import numpy as np
import pytest
from click.testing import CliRunner

from keras_attention import models, training
from keras_attention.export.web import runtime
from keras_attention.training import recipes
from keras_attention_cli import demo, main, web_page


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The user's cache, in which npm installs LiteRT.js in name only."""

    def npm_ci(workspace):
        for name in runtime.RUNTIME_FILES:
            file = workspace / "node_modules" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)

    monkeypatch.setattr(runtime, "_npm_ci", npm_ci)
    monkeypatch.setattr(runtime, "user_cache", lambda: tmp_path / "cache")


@pytest.fixture
def exported(tmp_path, monkeypatch):
    """An export folder of the recipe `ram_digits`, in name only."""
    folder = tmp_path / "exported"
    folder.mkdir()
    (folder / "model_web.tflite").write_bytes(b"a model")
    card = {
        "input": {"shape": [None, 40, 40, 1]},
        "labels": [str(digit) for digit in range(10)],
        "metadata": {"recipe": "ram_digits"},
    }
    (folder / "model_card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture
def visits(monkeypatch):
    """What the browser loaded of the page before Ctrl-C came."""
    loaded = []

    def open_page(address):
        for name in ("", "model_web.tflite"):
            with urllib.request.urlopen(address + name) as answer:
                loaded.append(answer.read())

    def stop(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(webbrowser, "open", open_page)
    monkeypatch.setattr(web_page.time, "sleep", stop)
    return loaded


def test_the_page_is_opened_and_ends_with_ctrl_c(exported, visits):
    result = invoke("web", exported)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("address  http://127.0.0.1:")
    assert "Stopped" in result.stderr
    assert b"<!doctype html>" in visits[0]
    assert visits[1] == b"a model"


def test_machines_are_told_the_address(exported, visits):
    result = invoke("web", exported, "--json")
    assert json.loads(result.stdout)["address"].startswith("http://127.0.0.1:")


def test_the_page_can_be_written_for_another_server(
    exported, tmp_path, monkeypatch
):
    out = tmp_path / "page"
    result = invoke("web", exported, "--out", out, "--json")
    assert json.loads(result.stdout) == {"page": str(out / "index.html")}
    examples = json.loads((out / "site.json").read_text())["examples"]
    labels = [one["label"] for one in examples]
    assert labels == [str(digit) for digit in range(10) for _ in range(2)]


def test_a_recipe_that_cannot_be_had_costs_the_examples_only(
    exported, tmp_path
):
    card = json.loads((exported / "model_card.json").read_text())
    card["metadata"]["recipe"] = "of_mine"
    (exported / "model_card.json").write_text(json.dumps(card))
    result = invoke("web", exported, "--out", tmp_path / "page")
    assert result.exit_code == 0
    assert "no ready-made images" in result.stderr
    assert "of_mine" in result.stderr


def test_examples_can_be_those_of_another_recipe(exported, tmp_path):
    (exported / "model_card.json").write_text(
        (exported / "model_card.json").read_text().replace("ram_digits", "lost")
    )
    out = tmp_path / "page"
    invoke("web", exported, "--out", out, "--recipe", "ram_digits")
    assert len(json.loads((out / "site.json").read_text())["examples"]) == 20


def test_samples_are_the_first_test_images_of_each_class():
    samples = web_page.samples_of("ram_digits")
    assert samples.images.shape == (20, 40, 40, 1)
    assert np.array_equal(samples.labels, np.repeat(np.arange(10), 2))
    assert samples.digits.shape[1:] == (16, 16)
    assert samples.piece_size == 5
    assert samples.num_pieces == 4


@pytest.fixture
def few_digits(monkeypatch):
    """The first forty digits instead of all, whatever the source."""
    all_of = training.load_digits("digits")["test"]
    few = training.Digits(all_of.images[:40], all_of.labels[:40])
    for module in (training, sys.modules[training.load_test_set.__module__]):
        monkeypatch.setattr(module, "load_digits", lambda *_: {"test": few})


@pytest.mark.parametrize("name", sorted({*models.preset_names()} - {"rnn_spn"}))
def test_every_preset_has_samples(few_digits, name):
    canvas = recipes.get(name).canvas
    samples = web_page.samples_of(name)
    assert samples.images.shape[1:3] == (canvas.size, canvas.size)
    assert samples.labels.max() < len(canvas.class_names)
    text = repr(canvas)
    if samples.num_pieces:
        assert f"num_distractors={samples.num_pieces}" in text
        assert f"distractor_size={samples.piece_size}" in text
    else:
        assert "num_distractors" not in text or "num_distractors=0" in text


def test_a_recipe_of_several_labels_has_no_samples(few_digits):
    with pytest.raises(ValueError, match="'rnn_spn'.* 3 labels"):
        web_page.samples_of("rnn_spn")


def test_the_demo_opens_the_page_of_what_it_exported(
    exported, tmp_path, visits, monkeypatch
):
    def run_demo(out, seed, formats):
        assert formats == ["web"]
        return {"page": str(out / "index.html")}

    monkeypatch.setattr(demo, "run_demo", run_demo)
    result = invoke("demo", "--out", tmp_path, "--web")
    assert result.exit_code == 0, result.output
    assert "index.html" in result.stdout
    assert visits[1] == b"a model"
    assert (tmp_path / "web" / "index.html").exists()


def test_what_is_wrong_is_a_message(tmp_path, monkeypatch, exported):
    result = invoke("web", tmp_path / "nothing")
    assert result.exit_code == 1
    assert "must be an export folder" in result.stderr
    (exported / "model_web.tflite").unlink()
    result = invoke("web", exported)
    assert result.exit_code == 1
    assert "--formats web" in result.stderr
