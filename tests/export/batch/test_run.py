"""Whole batches, through Beam's DirectRunner in the test process."""

import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import export
from keras_attention.export.batch import handler, pipeline, predict_images
from keras_attention_cli.jobs import predict_files


def test_each_image_has_a_line_in_one_of_the_two_files(batch, folder, lines):
    done, out = batch
    assert done.pop("seconds") > 0
    assert done == {
        "predictions": str(out / "predictions.jsonl"),
        "failures": str(out / "failures.jsonl"),
        "num_images": 25,
        "num_predictions": 21,
        "num_failures": 4,
        "num_continued": 0,
    }
    read = [line["image"] for line in lines(out / "predictions.jsonl")]
    good = sorted(folder.rglob("[0-9]*.png"), key=str)
    assert read == [*map(str, good), str(folder / "00.png")]
    failed = {
        pathlib.Path(line["image"]).name for line in lines(done["failures"])
    }
    assert failed == {"empty.png", "text.png", "damaged.png", "missing.png"}
    assert {path.name for path in out.iterdir()} == {
        "predictions.jsonl",
        "failures.jsonl",
    }


def test_the_answers_are_those_of_the_plain_command(
    batch, exported, lines, assert_same
):
    found = lines(batch[1] / "predictions.jsonl")
    files = [line["image"] for line in found]
    expected = predict_files(exported / "saved_model" / "1", files)
    assert_same(found, expected)
    assert np.shape(found[0]["location"]) == (3, 2)


def test_a_failure_says_what_the_plain_command_says(batch, lines):
    for line in lines(batch[1] / "failures.jsonl"):
        with pytest.raises(ValueError, match="Received") as refused:
            export.read_image(line["image"], (28, 28, 1))
        assert line == {"image": line["image"], "reason": str(refused.value)}


def test_a_process_loads_the_model_once(
    exported, folder, tmp_path, monkeypatch
):
    loads, load = [], handler.load_exported_saved_model

    def counted(path):
        loads.append(path)
        return load(path)

    monkeypatch.setattr(handler, "load_exported_saved_model", counted)
    monkeypatch.setattr(handler, "BATCH_SIZE", 4)
    done = predict_images(exported, [folder], tmp_path / "out")
    assert done["num_predictions"] == 20
    assert loads == [str(exported / "saved_model" / "1")]


def test_paths_are_given_back_as_they_came(
    exported, folder, tmp_path, monkeypatch, lines
):
    monkeypatch.chdir(folder)
    done = predict_images(exported, ["more/19.png"], tmp_path / "out")
    assert [line["image"] for line in lines(done["predictions"])] == [
        "more/19.png"
    ]


KILLED = """
import os, signal, sys
from keras_attention.export.batch import parts, pipeline, predict_images

pipeline.PART_SIZE = 3
write, written = parts.Parts.write, []

def killed_after_four(self, kind, lines):
    write(self, kind, lines)
    written.append(kind)
    if written.count("answers") == 4:
        os.kill(os.getpid(), signal.SIGKILL)

parts.Parts.write = killed_after_four
predict_images(sys.argv[1], [sys.argv[2]], sys.argv[3])
"""


def test_a_run_that_was_killed_goes_on_where_it_was(
    exported, folder, tmp_path, batch, monkeypatch, lines, assert_same
):
    out = tmp_path / "out"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, exported, folder, out], check=False
    )
    assert killed.returncode == -9
    assert [path.name for path in out.iterdir()] == ["unfinished"]

    read, read_image = [], pipeline.read_image

    def noted(file, shape):
        read.append(file)
        return read_image(file, shape)

    monkeypatch.setattr(pipeline, "read_image", noted)
    done = predict_images(exported, [folder], out)
    assert done["num_images"] == 23
    assert done["num_continued"] == 12
    assert len(read) == 23 - 12
    assert done["num_failures"] == 3
    found = lines(done["predictions"])
    assert_same(found, lines(batch[1] / "predictions.jsonl")[:20])


def test_a_pipeline_that_fails_says_so_and_keeps_what_is_done(
    exported, folder, tmp_path, monkeypatch
):
    def fail(*arguments):
        raise RuntimeError("out of paper")

    monkeypatch.setattr(handler, "answers", fail)
    out = tmp_path / "out"
    with pytest.raises(
        RuntimeError, match=r"(?s)same call goes on.*out of pap"
    ):
        predict_images(exported, [folder], out)
    assert [path.name for path in out.iterdir()] == ["unfinished"]


class TestBadInput:
    """What is wrong is said before anything is written."""

    def refused(self, tmp_path, *arguments, match, **options):
        with pytest.raises((ValueError, FileNotFoundError), match=match):
            predict_images(*arguments, tmp_path / "out", **options)
        assert not (tmp_path / "out").exists()

    def test_no_image(self, exported, tmp_path):
        self.refused(tmp_path, exported, [tmp_path], match="no image to read")

    def test_no_saved_model(self, exported, folder, tmp_path):
        self.refused(tmp_path, tmp_path, [folder], match="no SavedModel")
        self.refused(
            tmp_path, tmp_path / "no", [folder], match="no exported model"
        )

    def test_a_model_of_images_of_any_size(self, folder, tmp_path):
        layers = [
            keras.Input((None, None, 1)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
        spec = tf.TensorSpec((None, None, None, 1), "float32")
        export.export_saved_model(
            keras.Sequential(layers), tmp_path / "model", image_spec=spec
        )
        self.refused(
            tmp_path, tmp_path / "model", [folder], match="of any size.*None"
        )

    def test_no_worker(self, exported, folder, tmp_path):
        self.refused(
            tmp_path, exported, [folder], match="at least 1", num_workers=0
        )

    def test_options_that_beam_does_not_know(self, exported, folder, tmp_path):
        self.refused(
            tmp_path,
            exported,
            [folder],
            match="no such option. Received: direct_num_worker",
            beam_options=["--direct_num_worker=8"],
        )
        self.refused(
            tmp_path,
            exported,
            [folder],
            match="Unexpected pipeline runner: NoRunner",
            beam_options=["--runner=NoRunner"],
        )

    @pytest.mark.parametrize("runner", ["DirectRunner", "FlinkRunner"])
    def test_options_whose_values_are_wrong(
        self, exported, folder, tmp_path, runner
    ):
        self.refused(
            tmp_path,
            exported,
            [folder],
            match="option of Apache Beam: argument --parallelism: invalid int",
            beam_options=[f"--runner={runner}", "--parallelism=all"],
        )

    def test_an_output_that_exists(self, exported, folder, batch):
        before = (batch[1] / "predictions.jsonl").read_bytes()
        with pytest.raises(ValueError, match="new or empty folder"):
            predict_images(exported, [folder], batch[1])
        assert (batch[1] / "predictions.jsonl").read_bytes() == before
