import dataclasses
import json
import shutil
import zipfile

import keras
import pytest

from keras_attention import layers, models, training
from keras_attention.models import preset
from keras_attention.training import (
    Canvas,
    RowCanvas,
    preset_files,
    recipes,
)

COMMIT = "c" * 40


@pytest.fixture(scope="module")
def other_runs(tiny_recipe, tmp_path_factory):
    """Short runs of `tiny`: with another seed, and looking at the centre."""
    folder = tmp_path_factory.mktemp("others")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "get", lambda name: tiny_recipe)
        patch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
        patch.setitem(training.train.__globals__, "commit", lambda: COMMIT)
        training.train("tiny", folder / "seed", seed=4, verbose=0)
        training.train(
            "tiny", folder / "center", epochs=1, policy="center", verbose=0
        )
    return folder


@pytest.fixture
def folder(written, tmp_path):
    """A copy of it."""
    return shutil.copytree(written, tmp_path / "presets")


def test_a_card_tells_how_the_model_was_made_and_what_it_reaches(
    run, trained, written
):
    card = json.loads((written / "tiny.json").read_text())
    assert card["command"] == "keras-attention train tiny --seed 3"
    assert card["commit"] == COMMIT
    assert card["results"] == trained[1]
    assert card["num_glimpses"] == 2
    assert card["pixels_read"] == 2 * 6 * 6
    looks = {"sampled", "random", "center", "oracle"}
    assert set(card["elsewhere"]) == looks
    center = training.evaluate_run(run, "center")
    assert card["elsewhere"]["center"] == center["error_percent"]
    assert f"{trained[1]['error_percent']:.1f} %" in card["verdict"]
    file = written / "tiny.keras"
    assert card["sha256"] == preset.sha256(file)
    assert card["num_bytes"] == file.stat().st_size


def test_a_preset_holds_no_state_of_the_optimizer(run, written):
    model = keras.models.load_model(written / "tiny.keras")
    assert not model.compiled
    with zipfile.ZipFile(written / "tiny.keras") as archive:
        weights = archive.read("model.weights.h5")
    assert b"optimizer" not in weights
    with zipfile.ZipFile(run / "model.keras") as archive:
        assert b"optimizer" in archive.read("model.weights.h5")


def test_a_transformer_reads_the_whole_image(
    tiny_transformer, tmp_path, monkeypatch
):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    training.train("tiny", tmp_path / "run", epochs=1, verbose=0)
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    card = training.write_preset(tmp_path / "run", tmp_path, commit=COMMIT)
    assert card["command"] == (
        "TF_ENABLE_ONEDNN_OPTS=1 keras-attention train tiny --seed 0 --epochs 1"
    )
    assert json.loads((tmp_path / "tiny.json").read_text()) == card
    assert card["num_glimpses"] is None
    assert card["pixels_read"] == 16 * 16
    assert set(card["elsewhere"]) == {"random", "center", "oracle"}


def test_a_card_of_items_tells_what_it_makes_of_those_of_the_digit():
    card = models.preset_card("item_hard_mnist")
    assert recipes.get("item_hard_mnist").item_grid == (4, 4)
    assert set(card["elsewhere"]) == {"sampled", "random", "center", "oracle"}
    assert "with the object in view" in card["verdict"]


def test_what_reads_several_labels_has_no_diagnosis(
    tiny, tmp_path, monkeypatch
):
    def network():
        images = keras.Input((48, 48, 1))
        look = layers.AttentionCell(
            layers.SpatialTransformer(
                keras.layers.Dense(4), (6, 6), localize_from="query"
            ),
            keras.layers.SimpleRNNCell(8),
        )
        states = layers.RecurrentAttention(
            look, num_glimpses=3, return_sequences=True
        )(images)
        return models.ImageModel(images, keras.layers.Dense(10)(states))

    recipe = dataclasses.replace(
        tiny, canvas=RowCanvas(Canvas(48)), network=network, stddev=None
    )
    monkeypatch.setattr(recipes, "get", lambda name: recipe)
    results = training.train("tiny", tmp_path / "run", epochs=1, verbose=0)
    card = training.write_preset(tmp_path / "run", tmp_path, commit=COMMIT)
    assert card["results"] == results
    assert card["num_glimpses"] == 3
    assert (card["elsewhere"], card["verdict"]) == ({}, None)


def test_runs_of_other_seeds_and_controls_stand_beside(
    other_runs, tiny, folder
):
    first = json.loads((folder / "tiny.json").read_text())
    (folder / "tiny.json").write_text(
        json.dumps(
            {
                **first,
                "other_seeds": [{"seed": 4}, {"seed": 9}],
                "controls": [{"recipe": "tiny", "policy": "random"}],
            }
        )
    )
    card = training.compare_preset(
        "tiny",
        folder,
        others=[other_runs / "seed"],
        controls=[other_runs / "center"],
    )
    assert json.loads((folder / "tiny.json").read_text()) == card
    changed = {"other_seeds", "controls"}
    assert {k: v for k, v in card.items() if k not in changed} == {
        k: v for k, v in first.items() if k not in changed
    }
    assert [one["seed"] for one in card["other_seeds"]] == [4, 9]
    assert "error_percent" in card["other_seeds"][0]
    assert [one["policy"] for one in card["controls"]] == ["random", "center"]
    assert card["controls"][1]["command"] == (
        "keras-attention train tiny --seed 0 --epochs 1 --policy center"
    )
    assert card["controls"][1]["commit"] == COMMIT
    assert (
        card["controls"][1]["error_percent"]
        == (training.evaluate_run(other_runs / "center")["error_percent"])
    )


@pytest.mark.parametrize(
    ("name", "other", "said"),
    [
        ("tiny", "seed 3", "another seed than 3"),
        ("tiny", "center", "'policy': 'center'"),
        ("huge", "seed", "no preset 'huge'"),
    ],
)
def test_what_does_not_fit_stands_not_beside(
    run, other_runs, folder, name, other, said
):
    before = (folder / "tiny.json").read_text()
    path = run if other == "seed 3" else other_runs / other
    with pytest.raises(training.RunError, match=said):
        training.compare_preset(name, folder, others=[path])
    assert (folder / "tiny.json").read_text() == before


def test_a_control_of_another_task_stands_not_beside(
    other_runs, tiny, folder, monkeypatch
):
    before = (folder / "tiny.json").read_text()
    other = dataclasses.replace(tiny, name="other", canvas=Canvas(20))
    known = {"tiny": tiny, "other": other}
    monkeypatch.setattr(recipes, "get", known.get)
    control = shutil.copytree(other_runs / "center", folder / "control")
    config = json.loads((control / "config.json").read_text())
    (control / "config.json").write_text(
        json.dumps({**config, "recipe": "other"})
    )
    with pytest.raises(training.RunError, match=r"control, of .*size=20"):
        training.compare_preset("tiny", folder, controls=[control])
    assert (folder / "tiny.json").read_text() == before


@pytest.mark.parametrize("name", models.preset_names())
def test_every_control_reads_what_its_preset_reads(name):
    recipe = recipes.get(name)
    for control in models.preset_card(name)["controls"]:
        control = recipes.get(control["recipe"])
        assert preset_files._same_task(control, recipe)


@pytest.mark.parametrize("commit", [None, f"{COMMIT}-dirty"])
def test_what_was_not_committed_stands_beside_no_preset(
    other_runs, tiny, folder, tmp_path, commit
):
    before = (folder / "tiny.json").read_text()
    control = shutil.copytree(other_runs / "center", tmp_path / "control")
    config = json.loads((control / "config.json").read_text())
    (control / "config.json").write_text(
        json.dumps({**config, "commit": commit})
    )
    with pytest.raises(training.RunError, match="committed source code"):
        training.compare_preset("tiny", folder, controls=[control])
    assert (folder / "tiny.json").read_text() == before


def test_what_was_resumed_by_code_that_was_not_committed_is_refused(
    run, other_runs, tiny, folder, tmp_path
):
    control = shutil.copytree(other_runs / "center", tmp_path / "control")
    for path in (run, control):
        config = json.loads((path / "config.json").read_text())
        config["resumed"] = [{"commit": COMMIT}, {"commit": f"{COMMIT}-dirty"}]
        (path / "config.json").write_text(json.dumps(config))
    with pytest.raises(training.RunError, match="resumed.*-dirty"):
        training.compare_preset("tiny", folder, controls=[control])
    with pytest.raises(training.RunError, match="resumed.*-dirty"):
        training.write_preset(run, folder, commit=COMMIT)


@pytest.mark.parametrize("commit", ["", f"{COMMIT}-dirty"])
def test_what_was_not_committed_makes_no_preset(run, tmp_path, commit):
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "commit": commit}))
    with pytest.raises(training.RunError, match="committed source code"):
        training.write_preset(run, tmp_path / "presets")
    assert not (tmp_path / "presets").exists()


def test_a_large_file_makes_no_preset(run, tmp_path, monkeypatch):
    monkeypatch.setattr(preset_files, "MAX_BYTES", 1000)
    with pytest.raises(training.RunError, match="at most 1,000 bytes"):
        training.write_preset(run, tmp_path / "presets", commit=COMMIT)
    assert not list((tmp_path / "presets").iterdir())


def test_a_model_that_does_not_reach_its_figure_leaves_the_preset_as_it_was(
    run, tmp_path
):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "tiny.keras").write_text("the one before")
    results = json.loads((run / "results.json").read_text())
    results["error_percent"] = 0.0
    (run / "results.json").write_text(json.dumps(results))
    with pytest.raises(training.RunError, match=r"its run made 0.0 %"):
        training.write_preset(run, tmp_path / "presets", commit=COMMIT)
    (kept,) = (tmp_path / "presets").iterdir()
    assert kept.read_text() == "the one before"


def test_what_looked_elsewhere_in_training_makes_no_preset(
    tiny, other_runs, tmp_path
):
    with pytest.raises(training.RunError, match="policy 'center'"):
        training.write_preset(
            other_runs / "center", tmp_path / "presets", commit=COMMIT
        )
