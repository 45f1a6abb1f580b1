"""The page of models that are no glimpse models, and of what is no model."""

import contextlib
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from selenium.webdriver.common.by import By

from keras_attention.export.web import make_site, serve_site


def write_export(folder, function):
    """A file for browsers, and its card, of a function of (1, 6, 8, 3)."""
    image = tf.TensorSpec((1, 6, 8, 3), name="image")
    module = tf.Module()
    module.function = tf.function(function, input_signature=[image])
    saved = str(folder / "saved_model")
    tf.saved_model.save(module, saved, signatures=module.function)
    converter = tf.lite.TFLiteConverter.from_saved_model(
        saved, signature_keys=["serving_default"]
    )
    (folder / "model_web.tflite").write_bytes(converter.convert())
    card = {
        "input": {"shape": [None, 6, 8, 3]},
        "labels": ["cat", "elephant"],
        "parameters": 0,
    }
    (folder / "model_card.json").write_text(json.dumps(card))


def attends(name, values):
    """A model of two classes, which always attends to the same."""

    def function(image):
        red = tf.reduce_mean(image[..., 0], axis=(1, 2))
        probabilities = tf.stack([red, 1 - red], axis=-1)
        # All that depends on no input is left out of a signature.
        nothing = 0 * tf.reshape(red, (1,) * values.ndim)
        return {"probabilities": probabilities, name: values + nothing}

    return function


MASKS = np.zeros((1, 2, 6, 8), "float32")
MASKS[0, 1, 2, 5] = 0.5
OUTLINES = np.array([[1, 1], [5, 1], [5, 4], [1, 4]], "float32")
OUTLINES = OUTLINES + np.zeros((1, 2, 1, 1, 1), "float32")


@pytest.fixture
def opened(open_page, tmp_path):
    """Opens the page of a function, with a red image on the canvas."""
    with contextlib.ExitStack() as stack:

        def opened(function):
            write_export(tmp_path, function)
            site = make_site(tmp_path, tmp_path / "site")
            page = open_page(stack.enter_context(serve_site(site)))
            Image.new("RGB", (8, 6), "#ff0000").save(tmp_path / "red.png")
            page.open(tmp_path / "red.png")
            assert page.complaints() == []
            return page

        yield opened


def test_masks_tint_what_counts(opened):
    page = opened(attends("masks", MASKS))
    assert page.answer["class"] == 0
    assert page.find("#label").text == "cat"
    assert page.answer["step"] == 2
    assert not page.find("#retina").is_displayed()
    tint = page.pixels("heat")[..., 3]
    assert tint[2, 5] == 191
    assert tint.sum() == 191


def test_outlines_are_drawn(opened):
    page = opened(attends("outlines", OUTLINES))
    (line,) = page.driver.find_elements(By.CSS_SELECTOR, ".gaze .line")
    assert line.get_attribute("points") == "-2,-1.5 2,-1.5 2,1.5 -2,1.5"
    assert page.find(".gaze").get_attribute("style").endswith("3px, 2.5px);")


def test_a_model_without_steps_answers(opened):
    page = opened(attends("location", np.zeros((1, 2), "float32")))
    assert page.find("#label").text == "cat"
    assert page.answer["path"] == []
    assert page.find("#sentence").text == ""
    assert not page.find("#transport").is_displayed()


def test_a_damaged_model_is_a_message(open_page, described):
    site = make_site(described, described / "site")
    with serve_site(site) as address:
        page = open_page(address)
        assert page.answer["state"] == "error"
        assert "could not be started" in page.find("#sentence").text
        assert "Failed to load model" in page.find("#problem").text
