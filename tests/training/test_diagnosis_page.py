import html
import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import layers, training
from keras_attention.training.diagnosis_page import _apart
from keras_attention.training.rules import RULES


@pytest.fixture(scope="module")
def diagnosis():
    """Of an untrained model with two glimpses."""
    tf.config.run_functions_eagerly(True)
    generator = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    images = keras.Input((12, 12, 1))
    look = layers.RecurrentAttention(layers.GlimpseCell(4), 2)
    model = keras.Model(images, keras.layers.Dense(3)(look(images)), name="a<b")
    data = {
        "images": generator.uniform(size=(30, 12, 12, 1)).astype("float32"),
        "labels": np.arange(30) % 2,  # none of the class 2
        "boxes": np.tile([[-0.5, -0.5, 0.5, 0.5]], (30, 1)),
    }
    yield training.diagnose(model, data, class_names=("<ant>", "bee", "cat"))
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def written(diagnosis, tmp_path_factory):
    folder = tmp_path_factory.mktemp("diagnosis") / "new" / "folder"
    training.write_diagnosis(diagnosis, folder)
    return folder


def test_the_json_is_the_diagnosis(diagnosis, written):
    assert json.loads((written / "diagnosis.json").read_text()) == diagnosis
    assert sorted(path.name for path in written.iterdir()) == [
        "diagnosis.json",
        "index.html",
    ]


def test_the_page_says_and_shows_it_all(diagnosis, written):
    page = (written / "index.html").read_text("utf-8")
    text = html.unescape(page)
    assert diagnosis["verdict"]["sentence"] in text
    for advice in diagnosis["advice"]:
        assert advice["sentence"] in text
    for rule in RULES.values():
        assert rule in text
    for policy in ("as learned", "sampled", "at random", "at the truth"):
        assert page.count(f">{policy}</text>") == 1
        assert len(re.findall(f">{policy} [0-9.]+ %</text>", page)) == 1
    assert page.count("data:image/png;base64,") == len(diagnosis["examples"])
    table = diagnosis["table"]
    row = f"<td>in view</td><td>{table['hit_right']}</td><td>"
    assert f"{row}{table['hit_wrong']}</td>" in page
    assert "<h1>Where a&lt;b fails</h1>" in page
    assert page.count("<td>&lt;ant&gt;</td><td>15</td>") == 1


def test_the_page_of_several_objects_tells_of_all_and_each(diagnosis, tmp_path):
    several = training.Diagnosis({**diagnosis, "num_objects": 2}, {})
    training.write_diagnosis(several, tmp_path)
    page = (tmp_path / "index.html").read_text("utf-8")
    for what in ("All objects in view at any", "Each object in view at any"):
        assert f"{what} step" in page
    assert "Object in view" not in page


def test_the_page_needs_nothing_else(written):
    page = (written / "index.html").read_text("utf-8")
    assert "http" not in page
    assert "<script" not in page
    assert "color-scheme: light dark" in page


def test_a_diagnosis_read_from_json_has_a_page_without_pictures(
    written, tmp_path
):
    read = json.loads((written / "diagnosis.json").read_text())
    training.write_diagnosis(read, tmp_path)
    page = (tmp_path / "index.html").read_text("utf-8")
    assert read["verdict"]["sentence"] in html.unescape(page)
    assert "data:image/png" not in page


def test_what_cannot_be_written_leaves_nothing(diagnosis, tmp_path):
    broken = training.Diagnosis({**diagnosis, "spread": float("nan")}, {})
    with pytest.raises(ValueError, match="not JSON compliant"):
        training.write_diagnosis(broken, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_labels_of_curves_do_not_cover_each_other():
    assert _apart([10.0, 200.0, 195.0, 198.0]) == [10.0, 200.0, 170.0, 185.0]
