"""Runs: what they write, and that stopping one changes nothing."""

import csv
import dataclasses
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_attention import models, training
from keras_attention.training import callbacks, recipes


class StoppedInEpoch(callbacks.Seconds):
    """Stops the training, as Ctrl-C does, before an epoch is saved."""

    number = 0

    def on_epoch_end(self, epoch, logs):
        super().on_epoch_end(epoch, logs)
        if epoch == self.number:
            raise KeyboardInterrupt


def rows(run):
    with (run / "log.csv").open(newline="") as file:
        return [
            {k: v for k, v in row.items() if "seconds" not in k}
            for row in csv.DictReader(file)
        ]


def test_a_run_holds_configuration_log_weights_and_results(trained):
    run, results = trained
    assert {path.name for path in run.iterdir()} == {
        "config.json",
        "log.csv",
        "tensorboard",
        "last.keras",
        "best.weights.h5",
        "model.keras",
        "results.json",
    }
    config = json.loads((run / "config.json").read_text())
    asked = (config["recipe"], config["seed"], config["epochs"])
    assert asked == ("tiny", 3, 3)
    assert json.loads((run / "results.json").read_text()) == results
    assert results["images_seen"] == 3 * 4 * 16
    assert results["num_images"] == 400
    assert [row["epoch"] for row in rows(run)] == ["0", "1", "2"]
    assert list(run.glob("tensorboard/*/events*"))


def test_the_trained_model_has_the_best_weights(tiny, run):
    model = keras.models.load_model(run / "model.keras")
    trained = model.get_weights()
    model.load_weights(run / "best.weights.h5")
    for one, other in zip(trained, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    best = max(float(row["val_accuracy"]) for row in rows(run))
    validation = training.load_digits("digits")["validation"]
    held_out = training.fixed_set(validation, tiny.canvas, 1)
    figures = training.evaluate(model, held_out)
    assert figures["accuracy"] == pytest.approx(best)


def test_the_results_are_those_of_the_test_set(run, trained):
    figures = training.evaluate_run(run)
    assert figures["accuracy"] == trained[1]["accuracy"]
    assert figures["num_images"] == 400


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(
    run, tmp_path, monkeypatch, epoch
):
    with monkeypatch.context() as patch:
        patch.setattr(StoppedInEpoch, "number", epoch)
        patch.setitem(training.train.__globals__, "Seconds", StoppedInEpoch)
        with pytest.raises(KeyboardInterrupt):
            training.train("tiny", tmp_path / "stopped", seed=3, verbose=0)
    keras.utils.set_random_seed(99)  # another process knows nothing of ours
    training.resume(tmp_path / "stopped", "tiny", verbose=0)
    assert rows(run) == rows(tmp_path / "stopped")
    whole, stopped = (
        keras.models.load_model(path / "last.keras")
        for path in (run, tmp_path / "stopped")
    )
    for one, other in zip(
        whole.get_weights(), stopped.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_another_seed_is_another_run(run, tmp_path):
    other = tmp_path / "other"
    training.train("tiny", other, seed=4, verbose=0)
    assert rows(run)[0]["loss"] != rows(other)[0]["loss"]


def test_a_wrong_seed_leaves_no_folder(tiny, tmp_path):
    with pytest.raises(ValueError, match="[Ss]eed"):
        training.train("tiny", tmp_path / "run", seed=-1)
    assert not (tmp_path / "run").exists()


def test_a_policy_is_refused_where_nothing_is_sampled(
    tiny_transformer, tmp_path
):
    with pytest.raises(ValueError, match="policy='random'"):
        training.train("tiny", tmp_path / "run", policy="random")
    assert not (tmp_path / "run").exists()


def test_resuming_a_finished_run_gives_its_results(run, trained):
    assert training.resume(run, "tiny") == trained[1]


def test_stddev_falls_from_first_to_last_epoch(tiny, run):
    last = keras.models.load_model(run / "last.keras")
    policy = last.get_layer("glimpses").cell.location_policy
    assert float(policy.stddev) == pytest.approx(tiny.stddev[1])


def test_a_folder_in_use_is_left_alone(tiny, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(training.RunError, match="exists already.*--resume"):
        training.train("tiny", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.fixture
def other_process(run):
    """Another process that trains in a stopped run."""
    (run / "results.json").unlink()
    code = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'w')\n"
        "fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", code, run / "lock"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_two_processes_do_not_train_in_one_folder(run, other_process):
    before = (run / "last.keras").read_bytes()
    with pytest.raises(training.RunError, match="Another process trains in"):
        training.resume(run, "tiny", verbose=0)
    assert (run / "last.keras").read_bytes() == before


def test_a_run_goes_on_where_another_process_was_killed(
    run, trained, other_process
):
    other_process.kill()
    other_process.wait()
    results = training.resume(run, "tiny", verbose=0)
    assert results["accuracy"] == trained[1]["accuracy"]
    assert not (run / "lock").exists()


def test_a_run_keeps_others_out_while_it_trains(tiny, tmp_path, monkeypatch):
    def fit(run, *_):
        with training.RunFolder(run.path).locked():
            pass

    monkeypatch.setitem(training.train.__globals__, "_fit", fit)
    with pytest.raises(training.RunError, match="Another process trains in"):
        training.train("tiny", tmp_path / "run", verbose=0)


def test_a_folder_that_cannot_be_written_is_refused(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(training.RunError, match="Cannot write to .*file/run"):
        training.train("tiny", tmp_path / "file" / "run")


def test_resuming_nothing_is_refused(tiny, tmp_path):
    with pytest.raises(training.RunError, match="config.json is missing"):
        training.resume(tmp_path / "nothing", "tiny")


def test_resuming_another_recipe_is_refused(run):
    with pytest.raises(training.RunError, match="a run of the recipe 'tiny'"):
        training.resume(run, "ram_digits")


@pytest.mark.parametrize(
    ("was", "found", "do"), [(None, "1", "unset"), ("1", None, "export")]
)
def test_resuming_where_numbers_are_rounded_otherwise_is_refused(
    run, monkeypatch, was, found, do
):
    name = "TF_ENABLE_ONEDNN_OPTS"
    (run / "results.json").unlink()
    config = json.loads((run / "config.json").read_text())
    config["environment"] = {} if was is None else {name: was}
    (run / "config.json").write_text(json.dumps(config))
    if found is not None:
        monkeypatch.setenv(name, found)
    said = (
        f"{name} {was or 'not set'}.*`{do} {name}.*"
        f"Received: {found or 'not set'}"
    )
    with pytest.raises(training.RunError, match=said):
        training.resume(run, "tiny", verbose=0)


def test_a_run_says_which_code_went_on_with_it(run, monkeypatch):
    began = json.loads((run / "config.json").read_text())
    for commit in (began["commit"], "other-dirty", "other-dirty", "other"):
        (run / "results.json").unlink()
        patch = {"commit": lambda commit=commit: commit, "_run": finished}
        for name, value in patch.items():
            monkeypatch.setitem(training.train.__globals__, name, value)
        training.resume(run, "tiny", verbose=0)
    versions = began["versions"]
    assert json.loads((run / "config.json").read_text()) == {
        **began,
        "resumed": [
            {"commit": "other-dirty", "versions": versions},
            {"commit": "other", "versions": versions},
        ],
    }


def finished(run, *_):
    run.write_json("results.json", {})


@pytest.mark.parametrize("name", ["config.json", "last.keras"])
def test_a_damaged_run_is_refused(run, name):
    (run / "results.json").unlink()
    content = (run / name).read_bytes()
    (run / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(training.RunError, match=name):
        training.resume(run, "tiny", verbose=0)


def test_a_loss_that_is_no_number_stops_the_run(tiny, tmp_path, monkeypatch):
    network = tiny.network

    def broken():
        model = network()
        weights = model.get_weights()
        model.set_weights([np.full_like(weight, np.nan) for weight in weights])
        return model

    recipe = dataclasses.replace(tiny, network=broken)
    monkeypatch.setattr(recipes, "get", lambda name: recipe)
    with pytest.raises(training.RunError, match="loss was nan in epoch 1"):
        training.train("tiny", tmp_path / "run", verbose=0)
    assert not (tmp_path / "run" / "last.keras").exists()


def test_an_unfinished_run_cannot_be_evaluated(run):
    (run / "model.keras").unlink()
    with pytest.raises(training.RunError, match="model.keras is missing"):
        training.evaluate_run(run)


def test_no_epoch_is_refused(tiny, tmp_path):
    with pytest.raises(ValueError, match="`epochs` must be .* Received: 0"):
        training.train("tiny", tmp_path / "run", epochs=0)
    assert not (tmp_path / "run").exists()


def test_an_unknown_recipe_is_named_with_the_known():
    with pytest.raises(ValueError, match="Received: 'ram', known: cnn_"):
        recipes.get("ram")


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_builds_a_network_for_its_canvas(name):
    recipe = recipes.get(name)
    assert recipe.name == name
    model = recipe.network()
    digits = training.load_digits("digits")["test"]
    batches = training.training_dataset(digits, recipe.canvas, 2, 0)
    given = batches.element_spec
    assert model.input_shape[1:] == given["image"].shape[1:]
    several = given["label"].shape[1:]
    num_classes = len(recipe.canvas.class_names)
    assert model.output_shape == (None, *several, num_classes)


def with_dropout():
    images = keras.Input((16, 16, 1))
    x = keras.layers.Flatten()(images)
    x = keras.layers.Dropout(0.5)(x)
    return models.ImageModel(images, keras.layers.Dense(10)(x))


def test_dropout_goes_on_where_a_run_was_stopped(tiny, tmp_path, monkeypatch):
    recipe = dataclasses.replace(tiny, network=with_dropout, stddev=None)
    monkeypatch.setattr(recipes, "get", lambda name: recipe)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    training.train("tiny", whole, epochs=2, verbose=0)
    with monkeypatch.context() as patch:
        patch.setattr(StoppedInEpoch, "number", 1)
        patch.setitem(training.train.__globals__, "Seconds", StoppedInEpoch)
        with pytest.raises(KeyboardInterrupt):
            training.train("tiny", stopped, epochs=2, verbose=0)
    keras.utils.set_random_seed(99)
    training.resume(stopped, "tiny", verbose=0)
    assert rows(whole) == rows(stopped)
    assert rows(whole)[0]["loss"] != rows(whole)[1]["loss"]


def test_a_run_can_look_at_the_centre_all_the_time(tiny, tmp_path):
    results = training.train(
        "tiny", tmp_path / "run", epochs=1, policy="center", verbose=0
    )
    assert results["policy"] == "center"
    figures = training.evaluate_run(tmp_path / "run")
    assert figures["policy"] == "center"
    assert figures["accuracy"] == results["accuracy"]


def test_an_unknown_policy_is_refused(tiny, tmp_path):
    with pytest.raises(ValueError, match="name='nowhere'"):
        training.train("tiny", tmp_path / "run", policy="nowhere")
    assert not (tmp_path / "run").exists()


def test_a_run_says_which_code_it_was_made_with(run):
    commit = json.loads((run / "config.json").read_text())["commit"]
    assert commit is None or len(commit.removesuffix("-dirty")) == 40
