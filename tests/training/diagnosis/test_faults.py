"""Faults planted in a model that takes one glimpse."""

import keras
import pytest


def test_a_healthy_model(planted):
    found, what = planted.finding(planted.glimpse_model())
    assert what == "healthy"
    assert (
        found["verdict"]["sentence"] == "Healthy: 0 % of the answers are wrong."
    )
    assert found["advice"] == []
    assert found["table"] == {
        "hit_right": 240,
        "hit_wrong": 0,
        "missed_right": 0,
        "missed_wrong": 0,
    }
    assert found["policies"]["oracle"]["percent"] == 0
    # Nothing in view is read as the darkest class: right in 1 of 4.
    assert found["policies"]["random"]["percent"] > 30
    assert found["views"]["learned"]["share_percent"] == 100
    assert found["views"]["chance"]["any_percent"] < 40


def test_a_recogniser_with_shuffled_labels_for_two_classes(planted):
    found, what = planted.finding(planted.glimpse_model(confused=True))
    assert what == "confused"
    assert "classes 1 and 2" in found["verdict"]["sentence"]
    assert "work on the recogniser" in found["verdict"]["sentence"]
    assert (
        "all errors are made with the object in view"
        in found["verdict"]["sentence"]
    )
    assert found["attention_error"]["percent"] == pytest.approx(0, abs=5)
    assert [row["error_percent"] == 0 for row in found["classes"]] == [
        True,
        False,
        False,
        True,
    ]
    named, _ = planted.finding(
        planted.glimpse_model(confused=True), class_names=("a", "b", "c", "d")
    )
    assert "classes b and c" in named["verdict"]["sentence"]


def test_a_location_network_frozen_at_random(planted):
    where = keras.layers.Dense(
        2, "tanh", kernel_initializer=keras.initializers.RandomNormal(0, 0.2, 0)
    )
    found, what = planted.finding(planted.glimpse_model(where))
    assert what == "unlearned"
    assert "work on where it looks" in found["verdict"]["sentence"]
    assert "by chance" in found["verdict"]["sentence"]
    assert found["recognition_error"]["percent"] == 0
    assert found["attention_error"]["interval"][0] > 40


def test_a_location_network_that_knows_nothing_of_the_image(planted):
    where = keras.layers.Dense(2, "tanh", kernel_initializer="zeros")
    found, what = planted.finding(planted.glimpse_model(where))
    assert what == "same_places"
    assert "the same places in every image" in found["verdict"]["sentence"]
    assert found["spread"] == 0


def test_a_location_network_blind_to_the_right_half(planted):
    found, what = planted.finding(
        planted.glimpse_model(planted.Find(blind=True))
    )
    assert what == "blind"
    assert "blind to the right half" in found["verdict"]["sentence"]
    assert found["halves"]["left"]["hit_percent"] == 100
    assert found["halves"]["right"]["hit_percent"] < 50


def test_a_crop_that_is_too_small(planted):
    model = planted.glimpse_model(glimpse_size=3)
    assert planted.finding(model)[1] == "healthy"
    found, what = planted.finding(model, planted.squares(hollow=True))
    assert what == "crop"
    assert (
        "the widest can show 25 % of the object"
        in (found["verdict"]["sentence"])
    )
    assert found["table"]["hit_wrong"] == found["policies"]["learned"]["errors"]
    assert (
        planted.finding(planted.glimpse_model(), planted.squares(hollow=True))[
            1
        ]
        == "healthy"
    )
