"""Each rule, on figures made by hand: it holds, and just does not."""

import copy
import pathlib

import pytest

from keras_attention.training.rules import ADVICE, RULES
from keras_attention.training.verdict import (
    FINDINGS,
    FURTHER,
    judge,
)

ROOT = pathlib.Path(__file__).parents[2]


def policy(percent, steps=None):
    return {
        "percent": percent,
        "interval": [percent - 1, percent + 1],
        "errors": round(10 * percent),
        "errors_per_step_percent": steps,
    }


# 1000 images of 4 classes, 20 % of the answers wrong, half of it at the truth.
FIGURES = {
    "kind": "glimpses",
    "num_images": 1000,
    "num_objects": 1,
    "num_classes": 4,
    "class_names": ["ant", "bee", "cat", "dog"],
    "policies": {
        "learned": policy(20.0),
        "random": policy(60.0),
        "oracle": policy(10.0),
    },
    "attention_error": {"percent": 10.0, "interval": [8.0, 12.0]},
    "recognition_error": {"percent": 10.0, "interval": [8.0, 12.0]},
    "table": {
        "hit_right": 780,
        "hit_wrong": 140,
        "missed_right": 20,
        "missed_wrong": 60,
    },
    "views": {
        "learned": {"any_percent": 92.0, "overlap_percent": 50.0},
        "chance": {
            "any_percent": 40.0,
            "each_percent": 40.0,
            "overlap_percent": 10.0,
        },
    },
    "halves": {
        name: {"objects": 500, "hit_percent": 92.0}
        for name in ("left", "right", "top", "bottom")
    },
    "widest_share_percent": 100.0,
    "spread": 0.4,
    "confused": {"classes": [1, 2], "errors": 20, "of_errors": 100},
}


def seen(percent):
    return {
        "any_percent": percent,
        "each_percent": percent,
        "overlap_percent": 1.0,
    }


def judged(learned=20.0, oracle=10.0, **changes):
    figures = copy.deepcopy(FIGURES)
    figures["policies"]["learned"] = policy(learned)
    figures["policies"]["oracle"] = policy(oracle)
    figures["recognition_error"]["percent"] = oracle
    for name, value in changes.items():
        place = figures
        *path, last = name.split("__")
        for part in path:
            place = place[part]
        place[last] = value
    found = judge(figures)
    rules = [advice["rule"] for advice in found["advice"]]
    return found["verdict"]["finding"], found["verdict"]["sentence"], rules


def test_the_sentence_has_the_figures():
    assert judged(oracle=18.0)[1] == (
        "20 % of the answers are wrong; 7 of 10 errors are made with the "
        "object in view, and 9 of 10 remain when it is shown where that is: "
        "work on the recogniser."
    )


@pytest.mark.parametrize(
    ("learned", "oracle", "finding"),
    [
        (5.0, 5.0, "healthy"),
        (5.1, 5.1, "recogniser"),
        (20.0, 13.4, "recogniser"),
        (20.0, 13.3, "both"),
        (20.0, 6.7, "both"),
        (20.0, 6.6, "attention"),
        (20.0, 40.0, "recogniser"),
    ],
)
def test_the_errors_at_the_truth_say_whose_they_are(learned, oracle, finding):
    assert judged(learned, oracle)[0] == finding


def test_few_errors_are_not_divided():
    learned = {**policy(6.0), "errors": 9}
    assert judged(policies__learned=learned)[0] == "few_errors"
    assert (
        judged(policies__learned={**learned, "errors": 10})[0] != "few_errors"
    )


def test_a_small_crop_is_the_fault_of_reading_only():
    assert judged(oracle=20.0, widest_share_percent=49.0)[0] == "crop"
    assert judged(oracle=20.0, widest_share_percent=50.0)[0] == "recogniser"
    assert judged(oracle=20.0, widest_share_percent=None)[0] == "recogniser"
    assert judged(oracle=1.0, widest_share_percent=49.0)[0] == "attention"


def test_two_classes_are_confused_where_they_make_half_of_the_errors():
    def confused(errors, of_errors=200):
        return {"classes": [1, 2], "errors": errors, "of_errors": of_errors}

    finding, sentence, _ = judged(oracle=20.0, confused=confused(100))
    assert finding == "confused"
    assert (
        "100 of 200 errors in reading take the classes bee and cat" in sentence
    )
    assert judged(oracle=20.0, confused=confused(99))[0] == "recogniser"
    assert judged(oracle=20.0, confused=confused(9, 9))[0] == "recogniser"
    assert judged(oracle=20.0, confused=None)[0] == "recogniser"
    assert (
        judged(oracle=20.0, confused=confused(200), num_classes=2)[0]
        == "recogniser"
    )


def test_places_that_never_change():
    assert judged(oracle=0.0, spread=0.049)[0] == "same_places"
    assert judged(oracle=0.0, spread=0.05)[0] == "attention"
    assert judged(oracle=0.0, spread=None)[0] == "attention"
    assert judged(oracle=20.0, spread=0.0)[0] == "recogniser"


@pytest.mark.parametrize("half", ["left", "right", "top", "bottom"])
def test_a_half_that_is_not_looked_at(half):
    name = f"halves__{half}"
    blind = {"objects": 500, "hit_percent": 45.0}
    finding, sentence, _ = judged(oracle=0.0, **{name: blind})
    assert finding == "blind"
    assert f"blind to the {half} half (in view in 45 % there" in sentence
    for other in ({"objects": 9}, {"hit_percent": 46.0}):
        assert (
            judged(oracle=0.0, **{name: {**blind, **other}})[0] == "attention"
        )
    assert judged(oracle=0.0, halves=None)[0] == "attention"


def test_no_better_than_chance():
    # 3 standard errors of the difference of 46 % and 40 % of 1000 are 6.6.
    assert judged(oracle=0.0, views__learned=seen(46.0))[0] == "unlearned"
    assert judged(oracle=0.0, views__learned=seen(47.0))[0] == "attention"
    assert judged(oracle=0.0, views__chance=seen(89.0))[0] == "unlearned"
    assert judged(oracle=0.0, views__chance=seen(90.0))[0] == "attention"


REDUCED = {
    "recognition_error": None,
    "attention_error": None,
    "table": None,
    "views": None,
    "halves": None,
    "widest_share_percent": None,
}


def test_of_several_objects_all_have_to_be_in_view():
    _, sentence, _ = judged(num_objects=2)
    assert "errors are made with all objects in view, and" in sentence
    assert "remain when it is shown where they are" in sentence
    finding, sentence, _ = judged(
        oracle=0.0, num_objects=2, views__learned=seen(40.0)
    )
    assert finding == "unlearned"
    assert "all objects are in view in 40 % of the images" in sentence


def test_the_half_of_an_object_is_compared_with_each_by_chance():
    halves = {
        "halves__left": {"objects": 900, "hit_percent": 45.0},
        "halves__right": {"objects": 1100, "hit_percent": 95.0},
    }
    for each, finding in ((60.0, "blind"), (93.0, "attention")):
        chance = {"any_percent": 30.0, "each_percent": each}
        assert (
            judged(oracle=0.0, num_objects=2, views__chance=chance, **halves)[0]
            == finding
        )


def test_of_several_objects_one_may_be_read_with_another_out_of_view():
    table = dict(zip(FIGURES["table"], [400, 100, 400, 100], strict=True))
    assert "context" in judged(table=table)[2]
    assert "context" not in judged(table=table, num_objects=2)[2]


def test_without_boxes_the_places_are_compared_with_random_ones():
    learned, random = policy(20.0), policy(60.0)
    both = {"learned": learned, "random": random}
    finding, sentence, rules = judged(**REDUCED, policies=both)
    assert (finding, rules) == ("place_matters", ["place_matters"])
    assert sentence == (
        "20 % of the answers are wrong; at random places 60 %, so where it "
        "looks matters."
    )
    same = {"learned": learned, "random": policy(25.0)}
    assert judged(**REDUCED, policies=same)[0] == "place_does_not_matter"
    finding, sentence, _ = judged(**REDUCED, policies={"learned": learned})
    assert finding == "unknown"
    assert "cannot be told without boxes" in sentence


@pytest.mark.parametrize(
    ("rule", "changes", "but"),
    [
        (
            "truth_is_worse",
            {"attention_error": {"percent": -2.0, "interval": [-3.0, -0.1]}},
            {"attention_error": {"percent": -2.0, "interval": [-3.0, 0.0]}},
        ),
        (
            "context",
            {
                "table": dict(
                    zip(FIGURES["table"], [400, 100, 400, 100], strict=True)
                )
            },
            {
                "table": dict(
                    zip(FIGURES["table"], [100, 100, 100, 300], strict=True)
                )
            },
        ),
        (
            "loose",
            {"kind": "transformer", "views__learned__overlap_percent": 19.0},
            {"kind": "transformer", "views__learned__overlap_percent": 20.0},
        ),
        (
            "more_glimpses",
            {"policies__learned": policy(18.0, [40.0, 20.0, 18.0])},
            {"policies__learned": policy(18.5, [40.0, 20.0, 18.5])},
        ),
    ],
)
def test_further_advice(rule, changes, but):
    assert rule in judged(**changes)[2]
    assert rule not in judged(**but)[2]
    assert rule not in judged()[2]


def test_a_healthy_model_is_told_whose_the_rest_of_the_errors_is():
    finding, sentence, rules = judged(4.0, 4.0)
    assert finding == "healthy"
    assert sentence.startswith("Healthy: 4 % of the answers are wrong; ")
    assert rules == ["recogniser"]


def test_every_rule_is_stated():
    names = {*FINDINGS, *FURTHER}
    assert set(RULES) == names
    assert set(ADVICE) == names - {"healthy", "few_errors"}
    text = " ".join((ROOT / "docs" / "diagnosis.md").read_text("utf-8").split())
    for name, rule in RULES.items():
        assert f"| `{name}` | {rule} |" in text


def test_what_was_never_led_to_the_object_is_not_blamed_for_its_reading():
    """A recogniser trained with places frozen at random: it saw nothing."""
    table = {
        "hit_right": 20,
        "hit_wrong": 60,
        "missed_right": 210,
        "missed_wrong": 710,
    }
    frozen = {"views__learned": seen(9.0), "views__chance": seen(11.0)}
    frozen |= {"table": table, "policies__random": policy(76.0)}
    finding, sentence, rules = judged(77.0, 60.0, **frozen)
    assert finding == "untaught"
    assert "work on where it looks first" in sentence
    assert rules == ["untaught"]
    assert judged(77.0, 50.0, **frozen)[0] == "both"
    for changed in (
        {"views__learned": seen(30.0)},
        {"policies__random": policy(90.0)},
        {"table": {**table, "missed_right": 310, "missed_wrong": 610}},
        {"views__chance": seen(90.0), "views__learned": seen(90.0)},
    ):
        assert judged(77.0, 60.0, **frozen | changed)[0] == "recogniser"


def test_no_errors_are_said_to_be_0_of_10():
    """0.5 of 10 would be rounded to an even number."""
    table = {**FIGURES["table"], "hit_wrong": 10}
    assert "fewer than 1 of 10 errors" in judged(20.0, table=table)[1]
