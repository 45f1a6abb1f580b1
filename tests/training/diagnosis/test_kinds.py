"""Faults planted in models of the other kinds of attention."""

import keras
import pytest

from keras_attention import layers
from keras_attention.training import diagnose

SIZE, SQUARE = 24, 6


def test_soft_attention_that_finds_what_matters_is_healthy(planted):
    found, what = planted.finding(planted.soft_model(30.0))
    assert what == "healthy"
    assert found["kind"] == "mask"
    assert not found["hard"]
    assert "sampled" not in found["policies"]
    assert found["views"]["learned"]["share_percent"] > 99
    assert found["views"]["chance"]["share_percent"] == pytest.approx(
        100 * SQUARE**2 / SIZE**2, abs=0.01
    )
    assert found["policies"]["random"]["percent"] > 30
    assert found["policies"]["oracle"]["percent"] == 0


def test_soft_attention_that_is_uniform_looks_at_nothing(planted):
    found, what = planted.finding(planted.soft_model(0.0))
    assert what == "unlearned"
    assert found["policies"]["learned"]["percent"] == 75
    assert found["recognition_error"]["percent"] == 0


def test_soft_attention_that_seeks_the_dark_is_no_better_than_chance(planted):
    found, what = planted.finding(planted.soft_model(-30.0))
    assert what == "unlearned"
    assert found["table"]["missed_wrong"] == 180
    assert found["recognition_error"]["percent"] == 0


def test_a_soft_model_that_reads_wrongly_is_told_apart(planted):
    assert planted.finding(planted.soft_model(30.0, confused=True))[1] in (
        "recogniser",
        "confused",
    )


def test_a_transformer_that_follows_is_healthy(planted):
    found, what = planted.finding(planted.transformer_model(0.25))
    assert what == "healthy"
    assert found["kind"] == "transformer"
    assert found["views"]["learned"]["share_percent"] > 90
    assert found["views"]["learned"]["overlap_percent"] > 80
    assert found["views"]["chance"]["overlap_percent"] < 20


def test_a_transformer_that_stays_in_the_middle(planted):
    found, what = planted.finding(
        planted.transformer_model(0.25, follows=False)
    )
    assert what == "same_places"
    assert found["recognition_error"]["percent"] == 0
    assert (
        found["policies"]["center"]["errors"]
        == found["policies"]["learned"]["errors"]
    )


def test_a_transformer_that_never_zooms_is_loose(planted):
    found, what = planted.finding(planted.transformer_model(1.0, follows=False))
    assert what == "healthy"
    assert [advice["rule"] for advice in found["advice"]] == ["loose"]


def test_items_with_a_grid_are_diagnosed_step_by_step(planted):
    found, what = planted.finding(planted.item_model(30.0), item_grid=(8, 8))
    assert what == "healthy"
    assert found["num_steps"] == 3
    assert found["policies"]["learned"]["errors_per_step_percent"] == [0, 0, 0]
    found, _ = planted.finding(planted.item_model(-30.0), item_grid=(8, 8))
    assert found["recognition_error"]["percent"] == 0
    assert found["views"]["learned"]["any_percent"] == 0
    assert found["policies"]["learned"]["percent"] == 75


def test_items_without_a_grid_say_what_is_missing(planted):
    found, what = planted.finding(planted.item_model(30.0))
    assert what == "healthy"
    assert found["views"] is None
    assert "item_grid=(rows, columns)" in found["notes"][-1]
    assert sorted(found["policies"]) == [
        "center",
        "learned",
        "random",
        "sampled",
    ]


def test_of_several_layers_that_choose_none_is_shown_the_truth_alone(planted):
    images = keras.Input((SIZE, SIZE, 1))
    loops = [
        layers.RecurrentAttention(
            layers.GlimpseCell(4, core=keras.layers.SimpleRNNCell(4)), 1, name=n
        )
        for n in ("one", "other")
    ]
    states = keras.layers.concatenate([loop(images) for loop in loops])
    model = keras.Model(images, keras.layers.Dense(4)(states))
    found = diagnose(model, planted.squares(40), layer="one")
    assert found["layer"] == "one"
    assert found["attention_error"] is None
    assert sorted(found["policies"]) == [
        "center",
        "learned",
        "random",
        "sampled",
    ]
    assert "choose where to look: what is forced" in found["notes"][-1]
