"""The command line, in the test process."""

import html
import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_attention import export, training
from keras_attention.export.runtimes import Runtime
from keras_attention.training import recipes
from keras_attention_cli import demo, main


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def answer(*arguments):
    """What a command prints with --json."""
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refusal(*arguments):
    """What a command that fails says."""
    result = invoke(*arguments)
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    return result.stderr


@pytest.fixture
def digit(tmp_path):
    """A PNG file of a real digit, 16x16."""
    path = tmp_path / "digit.png"
    image = training.load_digits("digits")["test"].images[0]
    Image.fromarray(image).save(path)
    return path


@pytest.fixture(scope="module")
def exported(trained, tiny_recipe, tmp_path_factory):
    """Folder of an export of the run of `tiny`, not to be changed."""
    out = tmp_path_factory.mktemp("cli") / "exported"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "get", lambda name: tiny_recipe)
        assert answer("export", trained[0], "--out", out)["tflite"]
    return out


@pytest.mark.parametrize(
    "command",
    ["train", "evaluate", "diagnose", "export", "predict", "demo", "list"],
)
def test_every_command_explains_itself(command):
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


def test_list_names_every_recipe():
    known = answer("list")
    assert set(known) == set(recipes.names())
    assert all(name in invoke("list").output for name in known)


def test_train_makes_a_run_and_prints_its_results(tiny, tmp_path):
    out = tmp_path / "run"
    results = answer("train", "tiny", "--out", out, "--epochs", 1)
    assert results["run"] == str(out)
    assert results["epochs"] == 1
    assert (out / "model.keras").exists()


def test_train_resumes_a_run(run):
    results = answer("train", "tiny", "--out", run, "--resume")
    assert results["epochs"] == 3


def test_a_stopped_training_says_how_to_go_on(tiny, tmp_path, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", stop)
    result = invoke("train", "tiny", "--out", tmp_path / "run")
    assert result.exit_code == 130
    command = f"keras-attention train tiny --out {tmp_path / 'run'} --resume"
    assert command in result.stderr


def test_evaluate_prints_the_accuracy_of_the_run(run, trained):
    figures = answer("evaluate", run)
    assert figures["accuracy"] == trained[1]["accuracy"]
    assert figures["policy"] == "mode"


def test_evaluate_looks_where_it_is_told(run):
    assert answer("evaluate", run, "--policy", "center")["policy"] == "center"


def test_diagnose_says_what_to_work_on_and_writes_a_page(
    run, trained, tmp_path
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


def test_diagnose_takes_a_keras_file_and_a_recipe(run, trained, monkeypatch):
    file = run / "model.keras"
    assert "--recipe" in refusal("diagnose", file)

    def tell(model, test, num_averaged):
        found = training.evaluate(model, test, verbose=0)
        return {**found, "num_averaged": num_averaged}

    monkeypatch.setattr(training, "diagnose", tell)
    found = answer("diagnose", file, "--recipe", "tiny", "--averaged", 2)
    assert found["error_percent"] == trained[1]["error_percent"]
    assert found["num_averaged"] == 2
    (run / "damaged.keras").write_bytes(b"no model")
    assert "damaged" in refusal(
        "diagnose", run / "damaged.keras", "--recipe", "tiny"
    )


def test_evaluate_tells_how_often_a_model_looks_until_it_is_sure(run):
    figures = answer("evaluate", run, "--threshold", 0.4)
    assert figures["threshold"] == 0.4
    assert 1 <= figures["mean_glimpses"] <= 2
    assert answer("evaluate", run, "--threshold", 0.01)["mean_glimpses"] == 1
    assert "threshold=2.0" in refusal("evaluate", run, "--threshold", 2)


# What the command reads of a model card.
EXPORTED = {
    "parity": {"largest_difference": 0.0},
    "accuracy": 0.5,
    "files": {"model.tflite": 1000},
    "tflite": {
        "model.tflite": {
            "bytes": 1000,
            "latency_ms": 0.1,
            "class_agreement": 1.0,
            "accuracy": 0.5,
        }
    },
}


def test_an_export_can_look_until_it_is_sure(run, tmp_path, monkeypatch):
    exports = []

    def record(model, out, **arguments):
        exports.append((model, arguments["metadata"]))
        return EXPORTED

    monkeypatch.setattr(export, "export_model", record)
    answer("export", run, "--out", tmp_path / "out", "--threshold", 0.7)
    ((model, metadata),) = exports
    assert model.get_layer("glimpses").threshold == 0.7
    assert metadata["threshold"] == 0.7
    assert metadata["glimpse"] == {"glimpse_size": 6, "num_scales": 1}
    said = refusal("export", run, "--out", tmp_path, "--threshold", 0)
    assert "threshold=0.0" in said


def test_predict_tells_the_places_that_were_looked_at(digit, monkeypatch):
    outputs = {
        "class": np.array([3]),
        "probabilities": np.full((1, 10), 0.1),
        "location": np.zeros((1, 6, 2)),
        "num_glimpses": np.array([2]),
    }
    stops_early = export.ExportedModel(
        "model.tflite",
        Runtime(
            "tflite",
            {"serving_default": {"image": (None, 16, 16, 1)}},
            "float32",
            lambda signature, inputs: outputs,
        ),
    )
    monkeypatch.setattr(export, "load_exported", lambda path: stops_early)
    (answered,) = answer("predict", "folder", digit)["predictions"]
    assert answered["location"] == [[0, 0], [0, 0]]


def test_export_writes_both_formats_and_a_card(exported):
    assert (exported / "saved_model" / "1" / "saved_model.pb").exists()
    assert (exported / "model.tflite").exists()
    card = json.loads((exported / "model_card.json").read_text())
    assert card["metadata"]["recipe"] == "tiny"
    assert card["metadata"]["glimpse"] == {"glimpse_size": 6, "num_scales": 1}
    assert card["parity"]["largest_difference"] <= 1e-4


def test_export_takes_what_else_is_to_be_written(run, tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        export,
        "export_model",
        lambda model, out, **options: seen.update(options) or EXPORTED,
    )
    result = invoke(
        *("export", run, "--out", tmp_path / "out"),
        *("--formats", "int8, onnx", "--max-accuracy-drop", 2),
    )
    assert result.exit_code == 0, result.output
    assert seen["formats"] == ["int8", "onnx"]
    assert seen["max_accuracy_drop"] == 2
    assert "model.tflite" in result.stdout
    assert "50.00%" in result.stdout


def test_export_takes_a_keras_file_and_examples(
    run, tmp_path, digit, monkeypatch
):
    seen = {}
    monkeypatch.setattr(
        export,
        "export_model",
        lambda model, out, **options: seen.update(options) or EXPORTED,
    )
    file = run / "model.keras"
    assert "--recipe" in refusal("export", file, "--out", tmp_path / "out")
    examples = tmp_path / "examples.npz"
    images = np.asarray(Image.open(digit))[None, :, :, None]
    np.savez(examples, images=images, classes=[3])
    answer("export", file, "--out", tmp_path / "out", "--examples", examples)
    found, classes = seen["examples"]
    np.testing.assert_array_equal(found, images)
    assert classes.tolist() == [3]
    np.savez(examples, pictures=images)
    said = refusal(
        *("export", file, "--out", tmp_path / "out"),
        *("--examples", examples),
    )
    assert "with the array `images`" in said


@pytest.mark.parametrize("part", ["", "model.tflite", "saved_model/1"])
def test_predict_reads_images_as_keras_does(exported, trained, digit, part):
    (read,) = answer("predict", exported / part, digit)["predictions"]
    model = training.RunFolder(trained[0]).model()
    pixels = np.asarray(Image.open(digit), "float32")[None, :, :, None] / 255
    scores = model.predict(pixels, verbose=0)[0]
    assert read["class"] == scores.argmax()
    expected = (
        np.exp(scores - scores.max()).max()
        / np.exp(scores - scores.max()).sum()
    )
    assert read["probability"] == pytest.approx(expected, abs=1e-5)
    assert np.shape(read["location"]) == (2, 2)


def test_predict_draws_where_it_looked(exported, digit, tmp_path):
    picture = tmp_path / "picture.png"
    result = invoke("predict", exported, digit, digit, "--picture", picture)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2
    with Image.open(picture) as drawn:
        assert drawn.format == "PNG"


def test_the_demo_does_all_of_it(tiny, tmp_path, monkeypatch):
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


class TestBadInput:
    def test_an_unknown_recipe(self, tmp_path):
        said = refusal("train", "ram_nothing", "--out", tmp_path / "run")
        assert "no recipe" in said
        assert "ram_mnist" in said
        assert not (tmp_path / "run").exists()

    def test_mnist_that_cannot_be_had(self, tmp_path):
        (tmp_path / "data").mkdir()
        result = invoke(
            "train",
            "ram_mnist",
            "--out",
            tmp_path / "run",
            "--data-dir",
            tmp_path / "data",
        )
        if result.exit_code == 0:
            pytest.skip("there is a network to download MNIST from")
        assert "--data-dir" in result.stderr
        assert not (tmp_path / "run").exists()

    def test_a_run_folder_in_use(self, run):
        before = sorted(path.name for path in run.iterdir())
        assert "--resume" in refusal("train", "tiny", "--out", run)
        assert sorted(path.name for path in run.iterdir()) == before

    def test_a_run_that_is_none(self, tmp_path):
        assert "config.json is missing" in refusal("evaluate", tmp_path)

    def test_a_half_written_run(self, run, tmp_path):
        (run / "model.keras").unlink()
        said = refusal("export", run, "--out", tmp_path / "out")
        assert "model.keras is missing" in said
        assert not (tmp_path / "out").exists()

    def test_keras_files_that_are_none(self, run, tmp_path):
        content = (run / "model.keras").read_bytes()
        file = tmp_path / "model.keras"
        for damaged in (b"", b"no model", content[: len(content) // 2]):
            file.write_bytes(damaged)
            said = refusal("export", file, "--out", tmp_path / "out")
            assert "model.keras cannot be loaded" in said
        assert not (tmp_path / "out").exists()

    def test_a_keras_file_of_another_version(self, run, tmp_path):
        file = tmp_path / "model.keras"
        with (
            zipfile.ZipFile(run / "model.keras") as old,
            zipfile.ZipFile(file, "w") as new,
        ):
            for name in old.namelist():
                content = old.read(name)
                if name == "config.json":
                    content = content.replace(b"GlimpseCell", b"GlanceCell")
                new.writestr(name, content)
        said = refusal("export", file, "--out", tmp_path / "out")
        assert "another version of Keras or of this package" in said

    def test_a_keras_file_that_holds_code(self, tmp_path):
        layers = [
            keras.Input((16, 16, 1)),
            keras.layers.Flatten(),
            keras.layers.Lambda(lambda x: x[:, :3]),
        ]
        file = tmp_path / "model.keras"
        keras.Sequential(layers).save(file)
        said = refusal("export", file, "--out", tmp_path / "out")
        assert "holds code" in said

    def test_an_unknown_format(self, run, tmp_path):
        said = refusal(
            "export", run, "--out", tmp_path / "out", "--formats", "int4"
        )
        assert "float16, dynamic_range, int8, onnx, web" in said

    def test_an_output_folder_of_other_files(self, run, tmp_path):
        out = tmp_path / "out"
        out.mkdir()
        (out / "mine.txt").write_text("mine")
        assert str(out) in refusal("export", run, "--out", out)
        assert [path.name for path in out.iterdir()] == ["mine.txt"]

    def test_an_export_that_is_none(self, tmp_path, digit):
        assert "no exported model" in refusal(
            "predict", tmp_path / "nothing", digit
        )

    def test_no_image(self, exported):
        assert "at least one image" in refusal("predict", exported)

    def test_a_corrupt_image(self, exported, tmp_path):
        path = tmp_path / "broken.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\nno picture")
        assert "broken.png" in refusal("predict", exported, path)

    def test_a_picture_that_cannot_be_written(self, exported, digit, tmp_path):
        picture = tmp_path / "nowhere" / "picture.png"
        assert "nowhere" in refusal(
            "predict", exported, digit, "--picture", picture
        )

    def test_a_picture_without_a_model_card(self, exported, digit, tmp_path):
        alone = tmp_path / "model.tflite"
        alone.write_bytes((exported / "model.tflite").read_bytes())
        assert "model card" in refusal(
            "predict", alone, digit, "--picture", tmp_path / "picture.png"
        )

    def test_an_export_that_does_not_agree(self, run, tmp_path, monkeypatch):
        def disagree(*arguments, **options):
            raise export.ExportError("1e-3 apart")

        monkeypatch.setattr(export.verify, "verify_export", disagree)
        said = refusal("export", run, "--out", tmp_path / "out")
        assert "1e-3 apart" in said
        assert not (tmp_path / "out").exists()
