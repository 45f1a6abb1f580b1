import json
import os

import numpy as np
import pytest
from scipy import stats

from keras_attention import models, training


def test_a_preset_and_its_run_are_the_same(run, presets, tiny):
    of_run, of_preset = map(training.load_trained, (run, "tiny"))
    assert of_run.recipe is of_preset.recipe is tiny
    test = training.load_test_set(tiny)
    figures = [
        training.evaluate(trained.model, test)
        for trained in (of_run, of_preset)
    ]
    assert figures[0] == figures[1]


def test_a_preset_is_evaluated_by_its_name(presets, trained):
    figures = training.evaluate_run("tiny")
    assert figures["error_percent"] == trained[1]["error_percent"]
    assert figures["recipe"] == "tiny"


def test_a_folder_comes_before_a_preset(presets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    with pytest.raises(training.RunError, match=r"config.json is missing"):
        training.load_trained("tiny")


@pytest.mark.parametrize("config", ["{}", "[]"])
def test_a_folder_of_something_else_is_refused(tmp_path, config):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(training.RunError, match="names no recipe"):
        training.load_trained(tmp_path)


def test_what_is_neither_is_refused_with_the_presets(presets):
    said = "no run folder nothing, nor a preset of this name. Presets: tiny"
    with pytest.raises(training.RunError, match=said):
        training.load_trained("nothing")


def test_a_damaged_preset_is_not_evaluated(presets):
    card = models.preset_card("tiny")
    text = json.dumps({**card, "sha256": "0" * 64})
    (presets / "tiny.json").write_text(text)
    with pytest.raises(ValueError, match="SHA-256"):
        training.evaluate_run("tiny")


# Both tests of a preset run in one process, which loads it once.
@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.xdist_group(name))
        for name in models.preset_names()
    ],
)
def shipped(request):
    """The name of a preset, and what is loaded by it."""
    return request.param, training.load_trained(request.param)


def test_a_thousand_digits_agree_with_the_card(shipped):
    name, found = shipped
    if found.recipe.source == "mnist" and not os.environ.get("TFDS_DATA_DIR"):
        pytest.skip("TFDS_DATA_DIR is not set")
    test = training.load_test_set(found.recipe)
    chosen = np.random.RandomState(0).permutation(len(test.labels))[:1000]
    some = training.CanvasSet(
        test.images[chosen], test.labels[chosen], test.boxes[chosen]
    )
    error = training.evaluate(found.model, some, verbose=0)["error_percent"]
    expected = models.preset_card(name)["results"]["error_percent"]
    if len(chosen) == len(test.labels):
        assert error == expected
    count = some.labels.size
    low, high = stats.binom.interval(0.999, count, expected / 100)
    assert low <= count * error / 100 <= high


def test_a_preset_is_the_network_of_its_recipe(shipped):
    _, found = shipped
    built = _without_names(found.recipe.network().get_config())
    assert _without_names(found.model.get_config()) == built


def _without_names(config):
    """What a config says of a network, without what Keras counts or shapes."""
    if isinstance(config, dict):
        return {
            key: _without_names(value)
            for key, value in config.items()
            if key not in ("name", "build_config", "seed")
            and not key.endswith(("_layers", "inbound_nodes"))
        }
    if isinstance(config, (list, tuple)):
        return [_without_names(value) for value in config]
    return config
