"""The page of results is what its script makes of the presets' cards."""

import importlib.util
from pathlib import Path

import pytest
from PIL import Image

from keras_attention import models

ROOT = Path(__file__).parents[1]

CARD = {
    "name": "ram_mnist",
    "summary": "digits",
    "command": "keras-attention train ram_mnist --seed 0",
    "commit": "0123456789abcdef",
    "num_glimpses": 6,
    "pixels_read": 384,
    "num_bytes": 1234567,
    "results": {
        "error_percent": 1.0,
        "validation_accuracy": 0.987,
        "parameters": 364334,
        "images_seen": 3840000,
        "training_cpu_seconds": 1700,
    },
    "elsewhere": {"random": 20.0},
    "verdict": "Of 1.00 % errors most are of the recogniser.",
    "other_seeds": [{"error_percent": 1.5}, {"error_percent": 2.0}],
    "controls": [
        {
            "recipe": "ram_mnist",
            "policy": "center",
            "error_percent": 33.0,
            "parameters": 1,
            "images_seen": 10000,
            "training_cpu_seconds": 2,
            "command": "keras-attention train ram_mnist --policy center",
            "commit": "fedcba9876543210",
        }
    ],
}


@pytest.fixture(scope="module")
def script():
    path = ROOT / "benchmarks" / "results_page.py"
    spec = importlib.util.spec_from_file_location("results_page", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_made_of_the_cards(script, tmp_path):
    script.main(["--out", str(tmp_path / "results.md")])
    written = (tmp_path / "results.md").read_text("utf-8")
    assert written == (ROOT / "docs" / "results.md").read_text("utf-8")


def test_every_preset_has_its_picture(script):
    page = script.page([CARD])
    assert "![What ram_mnist looks at](presets/ram_mnist.png)" in page
    for name in models.preset_names():
        with Image.open(ROOT / "docs" / "presets" / f"{name}.png") as picture:
            assert picture.text["sha256"] == models.preset_card(name)["sha256"]


def test_a_row_tells_its_error_that_of_all_seeds_and_that_of_the_paper(script):
    row = script.row(CARD)
    found = "**1.00**; 3 seeds: 1.50 (1.00 to 2.00)"
    assert f"| {found} | 1.30 | RAM, 6 glimpses: 1.12 | 0.85 |" in row
    assert "| 6 | 384 | 364,334 | 3.84 million | 1,700 s |" in row


def test_a_control_tells_how_it_was_made_as_its_preset_does(script):
    preset, control = script.made_rows(CARD)
    assert "train ram_mnist --seed 0` | `0123456789ab` | 1,234,567 |" in preset
    assert "--policy center` | `fedcba987654` |  |" in control


def test_controls_stand_beside_their_preset(script):
    elsewhere, control = script.control_rows(CARD)
    assert "`ram_mnist` | itself, looking at random places | 20.00 |" in (
        elsewhere
    )
    assert "`ram_mnist`, trained with the policy `center` | 33.00 |" in control


def test_the_page_tells_where_a_plain_network_wins_and_where_there_is_none(
    script,
):
    def card(name, *controls):
        runs = [
            {"recipe": recipe, "error_percent": error}
            for recipe, error in controls
        ]
        return {**CARD, "name": name, "controls": runs}

    cards = [
        card("a", ("cnn_a", 0.9)),
        card("b", ("cnn_b", 1.0)),
        card("c", ("cnn_narrow100", 0.5)),
        card("d", ("d", 0.5)),
        card("e", ("item_soft_mnist", 1.1), ("item_all_mnist", 0.9)),
    ]
    assert script.compared(cards) == (
        "\nA plain network has the smaller error beside `a`, `e`; beside `c`, "
        "`d` there is none yet.\n"
    )


def test_the_figures_of_the_readme_are_those_of_the_cards(script):
    text = (ROOT / "README.md").read_text("utf-8")
    rows = [
        [cell.strip(" `") for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith("| `") and "million images" in line
    ]
    assert len(rows) == 13
    for name, _, error, paper, plain, random, training in rows:
        card = models.preset_card(name)
        results = card["results"]
        assert error == f"{results['error_percent']:.2f} %"
        known, _ = script.PAPERS.get(name, ("none", ""))
        assert paper.removesuffix(" %") == known.split(": ")[-1]
        assert plain in (
            [f"{percent:.2f} %" for percent in script.plain_errors(card)]
            or ["not trained"]
        )
        if random != "not asked":
            assert random == f"{card['elsewhere']['random']:.2f} %"
        assert f"{results['images_seen'] / 1e6:.2f} million" in training
        assert f"{round(results['training_seconds'] / 60)} min" in training
        assert f"{results['training_cpu_seconds']:,} CPU" in training
