"""The command line, in the test process."""

import dataclasses
import html
import json
import subprocess
import sys

import keras
import pytest

from keras_attention import models, training
from keras_attention.training import recipes
from keras_attention.training.pairs import PairCanvas
from keras_attention_cli import demo


@pytest.mark.parametrize(
    "command",
    [
        "train",
        "evaluate",
        "diagnose",
        "export",
        "predict",
        "presets",
        "web",
        "demo",
        "list",
    ],
)
def test_every_command_explains_itself(invoke, command):
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert "--json" in result.output


def test_help_does_not_wait_for_tensorflow():
    code = (
        "import sys; from keras_attention_cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_list_names_every_recipe(invoke, answer):
    known = answer("list")
    assert set(known) == set(recipes.names())
    assert all(name in invoke("list").output for name in known)


def test_train_makes_a_run_and_prints_its_results(answer, tiny, tmp_path):
    out = tmp_path / "run"
    results = answer("train", "tiny", "--out", out, "--epochs", 1)
    assert results["run"] == str(out)
    assert results["epochs"] == 1
    assert (out / "model.keras").exists()


def test_train_resumes_a_run(answer, run):
    results = answer("train", "tiny", "--out", run, "--resume")
    assert results["epochs"] == 3


@pytest.mark.parametrize(
    ("option", "value"),
    [("--seed", 5), ("--epochs", 9), ("--policy", "random")],
)
def test_a_run_goes_on_only_as_it_was_begun(refusal, run, option, value):
    said = refusal("train", "tiny", "--out", run, "--resume", option, value)
    assert f"Received: {option} {value}" in said


def test_a_stopped_training_says_how_to_go_on(
    invoke, tiny, tmp_path, monkeypatch
):
    def stop(name, out, **options):
        with training.RunFolder.create(out, {}):
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", stop)
    result = invoke("train", "tiny", "--out", tmp_path / "run")
    assert result.exit_code == 130
    command = f"keras-attention train tiny --out {tmp_path / 'run'} --resume"
    assert command in result.stderr


def test_a_training_that_was_stopped_before_it_began_cannot_go_on(
    invoke, tiny, tmp_path, monkeypatch
):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", stop)
    result = invoke("train", "tiny", "--out", tmp_path / "run")
    assert result.exit_code == 130
    assert result.stderr == "\nStopped.\n"


def test_evaluate_prints_the_accuracy_of_the_run(answer, run, trained):
    figures = answer("evaluate", run)
    assert figures["accuracy"] == trained[1]["accuracy"]
    assert figures["policy"] == "mode"


def test_evaluate_looks_where_it_is_told(answer, run):
    assert answer("evaluate", run, "--policy", "center")["policy"] == "center"


def test_diagnose_says_what_to_work_on_and_writes_a_page(
    invoke, run, trained, tmp_path
):
    out = tmp_path / "diagnosis"
    result = invoke("diagnose", run, "--out", out)
    assert result.exit_code == 0, result.output
    written = json.loads((out / "diagnosis.json").read_text())
    assert result.stdout.splitlines()[0] == written["verdict"]["sentence"]
    learned = written["policies"]["learned"]
    assert f"learned   {learned['percent']:7.2f} % wrong" in result.stdout
    assert learned["percent"] == trained[1]["error_percent"]
    assert len(learned["errors_per_step_percent"]) == 2
    assert written["verdict"]["sentence"] in html.unescape(
        (out / "index.html").read_text("utf-8")
    )


def test_diagnose_takes_a_keras_file_and_a_recipe(
    answer, refusal, run, trained, tiny, monkeypatch
):
    file = run / "model.keras"
    assert "--recipe" in refusal("diagnose", file)

    def tell(model, test, **options):
        return {**training.evaluate(model, test, verbose=0), **options}

    monkeypatch.setattr(training, "diagnose", tell)
    found = answer("diagnose", file, "--recipe", "tiny", "--averaged", 2)
    assert found["error_percent"] == trained[1]["error_percent"]
    assert found["num_averaged"] == 2
    assert found["class_names"] == list("0123456789")
    assert found["item_grid"] is None
    of_items = dataclasses.replace(tiny, item_grid=(2, 8))
    monkeypatch.setattr(recipes, "get", lambda name: of_items)
    found = answer("diagnose", file, "--recipe", "tiny")
    assert found["item_grid"] == [2, 8]
    (run / "damaged.keras").write_bytes(b"no model")
    assert "damaged" in refusal(
        "diagnose", run / "damaged.keras", "--recipe", "tiny"
    )


def test_of_several_digits_diagnose_asks_for_all(
    answer, tiny, tmp_path, monkeypatch
):
    pairs = dataclasses.replace(tiny, canvas=PairCanvas(training.Canvas(48)))
    monkeypatch.setattr(recipes, "get", lambda name: pairs)
    model = models.ram(
        (48, 48, 1),
        num_classes=55,
        num_glimpses=2,
        core=keras.layers.SimpleRNNCell(4),
    )
    model.save(tmp_path / "model.keras")
    found = answer("diagnose", tmp_path / "model.keras", "--recipe", "tiny")
    assert found["num_objects"] == 2
    assert "oracle" in found["policies"]
    seen = found["views"]["learned"]
    assert seen["any_percent"] < seen["each_percent"]


def test_evaluate_tells_how_often_a_model_looks_until_it_is_sure(
    answer, refusal, run
):
    figures = answer("evaluate", run, "--threshold", 0.4)
    assert figures["threshold"] == 0.4
    assert 1 <= figures["mean_glimpses"] <= 2
    assert answer("evaluate", run, "--threshold", 0.01)["mean_glimpses"] == 1
    assert "threshold=2.0" in refusal("evaluate", run, "--threshold", 2)


def test_the_demo_does_all_of_it(answer, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "RECIPE", "tiny")
    out = tmp_path / "demo"
    figures = answer("demo", "--out", out)
    assert set(figures) >= {
        "accuracy",
        "accuracy_random_locations",
        "largest_difference",
        "saved_model",
        "tflite",
        "page",
        "seconds",
    }
    assert figures["accuracy_tflite"] == figures["accuracy"]
    assert figures["largest_difference"] <= 1e-4
    page = (out / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    again = answer("demo", "--out", out)  # goes on where it was: at the end
    assert again["accuracy"] == figures["accuracy"]
    versions = sorted(p.name for p in (out / "exported/saved_model").iterdir())
    assert versions == ["1", "2"]


def test_a_demo_goes_on_only_with_its_seed(refusal, run, monkeypatch):
    def resume(*_):
        raise RuntimeError("it goes on")

    monkeypatch.setattr(training, "resume", resume)
    demo = ("demo", "--out", run.parent)
    assert "Received: --seed 0" in refusal(*demo, "--seed", 0)
    assert "it goes on" in refusal(*demo, "--seed", 3)
    assert "it goes on" in refusal(*demo)


class TestBadInput:
    def test_an_unknown_recipe(self, refusal, tmp_path):
        said = refusal("train", "ram_nothing", "--out", tmp_path / "run")
        assert "no recipe" in said
        assert "ram_mnist" in said
        assert not (tmp_path / "run").exists()

    def test_mnist_that_cannot_be_had(self, invoke, tmp_path, offline):
        (tmp_path / "data").mkdir()
        result = invoke(
            "train",
            "ram_mnist",
            "--out",
            tmp_path / "run",
            "--data-dir",
            tmp_path / "data",
        )
        assert result.exit_code == 1
        assert "--data-dir" in result.stderr
        assert not (tmp_path / "run").exists()

    def test_a_run_folder_in_use(self, refusal, run):
        before = sorted(path.name for path in run.iterdir())
        assert "--resume" in refusal("train", "tiny", "--out", run)
        assert sorted(path.name for path in run.iterdir()) == before

    def test_a_run_that_is_none(self, refusal, tmp_path):
        assert "config.json is missing" in refusal("evaluate", tmp_path)
