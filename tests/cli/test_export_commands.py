import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_attention import export, training
from keras_attention.export.runtimes import Runtime

# What the command reads of a model card.
EXPORTED = {
    "parity": {"largest_difference": 0.0, "moved_by_rounding": 0},
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


def test_an_export_can_look_until_it_is_sure(
    answer, refusal, run, tmp_path, monkeypatch
):
    exports = []

    def record(model, out, **arguments):
        exports.append((model, arguments["metadata"], arguments["labels"]))
        return EXPORTED

    monkeypatch.setattr(export, "export_model", record)
    answer("export", run, "--out", tmp_path / "out", "--threshold", 0.7)
    ((model, metadata, labels),) = exports
    assert model.get_layer("glimpses").threshold == 0.7
    assert metadata["threshold"] == 0.7
    assert labels == tuple("0123456789")
    said = refusal("export", run, "--out", tmp_path, "--threshold", 0)
    assert "threshold=0.0" in said


def test_predict_tells_the_places_that_were_looked_at(
    answer, digit, monkeypatch
):
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
    assert card["attention"]["kind"] == "glimpses"
    assert card["attention"]["geometry"]["glimpse_size"] == 6
    assert card["parity"]["largest_difference"] <= 1e-4


def test_export_takes_what_else_is_to_be_written(
    invoke, run, tmp_path, monkeypatch
):
    seen = {}
    monkeypatch.setattr(
        export,
        "export_model",
        lambda model, out, **options: seen.update(options) or EXPORTED,
    )
    result = invoke(
        *("export", run, "--out", tmp_path / "out"),
        *("--formats", "int8, onnx", "--max-accuracy-drop", 2),
        *("--shape", "1,?,16,1", "--dtype", "uint8"),
    )
    assert result.exit_code == 0, result.output
    assert seen["formats"] == ["int8", "onnx"]
    assert seen["max_accuracy_drop"] == 2
    assert seen["image_spec"] == tf.TensorSpec((1, None, 16, 1), "uint8")
    assert "model.tflite" in result.stdout
    assert "50.00%" in result.stdout


def test_export_takes_a_keras_file_and_examples(
    answer, refusal, run, tmp_path, digit, monkeypatch
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
def test_predict_reads_images_as_keras_does(
    answer, exported, trained, digit, part
):
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


def test_predict_draws_where_it_looked(invoke, exported, digit, tmp_path):
    picture = tmp_path / "picture.png"
    result = invoke("predict", exported, digit, digit, "--picture", picture)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2
    with Image.open(picture) as drawn:
        assert drawn.format == "PNG"


class TestBadInput:
    def test_a_half_written_run(self, refusal, run, tmp_path):
        (run / "model.keras").unlink()
        said = refusal("export", run, "--out", tmp_path / "out")
        assert "model.keras is missing" in said
        assert not (tmp_path / "out").exists()

    def test_keras_files_that_are_none(self, refusal, run, tmp_path):
        content = (run / "model.keras").read_bytes()
        file = tmp_path / "model.keras"
        for damaged in (b"", b"no model", content[: len(content) // 2]):
            file.write_bytes(damaged)
            said = refusal("export", file, "--out", tmp_path / "out")
            assert "model.keras cannot be loaded" in said
        assert not (tmp_path / "out").exists()

    def test_a_keras_file_of_another_version(self, refusal, run, tmp_path):
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

    def test_a_keras_file_that_holds_code(self, refusal, tmp_path):
        layers = [
            keras.Input((16, 16, 1)),
            keras.layers.Flatten(),
            keras.layers.Lambda(lambda x: x[:, :3]),
        ]
        file = tmp_path / "model.keras"
        keras.Sequential(layers).save(file)
        said = refusal("export", file, "--out", tmp_path / "out")
        assert "holds code" in said

    def test_a_shape_that_is_none(self, refusal, run, tmp_path):
        for shape, reason in (("28x28", "?,28,28,1"), ("1,8,8,1", "fit the")):
            said = refusal(
                "export", run, "--out", tmp_path / "out", "--shape", shape
            )
            assert reason in said

    def test_an_unknown_format(self, refusal, run, tmp_path):
        said = refusal(
            "export", run, "--out", tmp_path / "out", "--formats", "int4"
        )
        assert "float16, dynamic_range, int8, onnx, web" in said

    @pytest.mark.parametrize("damage", ["npy", "empty", "flipped"])
    def test_examples_that_are_none(self, refusal, run, tmp_path, damage):
        file = tmp_path / "examples.npz"
        images = np.zeros((9, 16, 16, 1))
        np.savez_compressed(file, images=images)
        if damage == "npy":
            file = tmp_path / "examples.npy"
            np.save(file, images)
        elif damage == "empty":
            file.write_bytes(b"")
        else:
            content = bytearray(file.read_bytes())
            start = content.index(b"images.npy") + len(b"images.npy") + 20
            content[start : start + 8] = b"\xff" * 8
            file.write_bytes(content)
        said = refusal(
            "export", run, "--out", tmp_path / "out", "--examples", file
        )
        assert "must be an .npz file" in said

    def test_an_output_folder_of_other_files(self, refusal, run, tmp_path):
        out = tmp_path / "out"
        out.mkdir()
        (out / "mine.txt").write_text("mine")
        assert str(out) in refusal("export", run, "--out", out)
        assert [path.name for path in out.iterdir()] == ["mine.txt"]

    def test_an_export_that_is_none(self, refusal, tmp_path, digit):
        assert "no exported model" in refusal(
            "predict", tmp_path / "nothing", digit
        )

    def test_no_image(self, refusal, exported):
        assert "at least one image" in refusal("predict", exported)

    def test_a_corrupt_image(self, refusal, exported, tmp_path):
        path = tmp_path / "broken.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\nno picture")
        assert "broken.png" in refusal("predict", exported, path)

    def test_a_picture_that_cannot_be_written(
        self, refusal, exported, digit, tmp_path
    ):
        picture = tmp_path / "nowhere" / "picture.png"
        assert "nowhere" in refusal(
            "predict", exported, digit, "--picture", picture
        )

    def test_a_picture_without_a_model_card(
        self, refusal, exported, digit, tmp_path
    ):
        alone = tmp_path / "model.tflite"
        alone.write_bytes((exported / "model.tflite").read_bytes())
        assert "model card" in refusal(
            "predict", alone, digit, "--picture", tmp_path / "picture.png"
        )

    def test_an_export_that_does_not_agree(
        self, refusal, run, tmp_path, monkeypatch
    ):
        def disagree(*arguments, **options):
            raise export.ExportError("1e-3 apart")

        monkeypatch.setattr(export.verify, "verify_export", disagree)
        said = refusal("export", run, "--out", tmp_path / "out")
        assert "1e-3 apart" in said
        assert not (tmp_path / "out").exists()
