import json

from click.testing import CliRunner

from keras_attention_cli import main


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_presets_are_listed_with_their_errors(presets, trained):
    error = trained[1]["error_percent"]
    listed = invoke("presets").stdout
    assert listed.startswith("tiny")
    assert f"{error:.2f} % wrong" in listed
    cards = json.loads(invoke("presets", "--json").stdout)
    assert cards["tiny"]["results"] == trained[1]


def test_presets_can_be_tested_against_their_cards(presets, trained):
    error = trained[1]["error_percent"]
    tested = json.loads(invoke("presets", "--evaluate", "--json").stdout)
    assert tested["tiny"]["here"] == error
    assert f", here {error:.2f} %" in invoke("presets", "--evaluate").stdout
    card = json.loads((presets / "tiny.json").read_text())
    card["results"]["error_percent"] += 0.25
    (presets / "tiny.json").write_text(json.dumps(card))
    refused = invoke("presets", "--evaluate")
    assert refused.exit_code == 1
    assert f"'tiny' makes {error} % errors here" in refused.stderr


def test_a_preset_is_evaluated_and_diagnosed_by_its_name(presets, trained):
    for verb in ("evaluate", "diagnose"):
        result = invoke(verb, "tiny", "--json")
        assert result.exit_code == 0, result.output
    figures = json.loads(invoke("evaluate", "tiny", "--json").stdout)
    assert figures["error_percent"] == trained[1]["error_percent"]


def test_a_preset_is_exported_by_its_name(presets, tmp_path):
    out = tmp_path / "exported"
    result = invoke("export", "tiny", "--out", out, "--json")
    assert result.exit_code == 0, result.output
    card = json.loads((out / "model_card.json").read_text())
    metadata = card["metadata"]
    assert (metadata["recipe"], metadata["seed"]) == ("tiny", 3)
    assert card["accuracy"] == card["tflite"]["model.tflite"]["accuracy"]


def test_a_name_of_nothing_is_refused_with_the_presets(presets):
    refused = invoke("evaluate", "nothing")
    assert refused.exit_code == 1
    assert "Presets: tiny" in refused.stderr


def test_train_can_look_at_the_centre_all_the_time(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke("train", "tiny", "--epochs", 1, "--policy", "center")
    assert result.exit_code == 0, result.output
    config = tmp_path / "runs" / "tiny_center" / "config.json"
    assert json.loads(config.read_text())["policy"] == "center"
    for command in (("diagnose",), ("export", "--out", tmp_path / "exported")):
        verb, *options = command
        refused = invoke(verb, config.parent, *options)
        assert refused.exit_code == 1
        assert "trained with `--policy center`" in refused.stderr
    assert not (tmp_path / "exported").exists()
