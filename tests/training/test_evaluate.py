import keras
import numpy as np
import pytest

from keras_attention import models, training
from keras_attention.training import CanvasSet


def corner_model():
    """Scores of two classes: is there light in the middle, or not."""
    images = keras.Input((5, 5, 1))
    middle = keras.layers.Cropping2D(2)(images)
    light = keras.layers.Flatten()(middle)
    scores = keras.layers.Concatenate()([-light, light])
    return keras.Model(images, scores)


def canvases(lights, labels):
    images = np.zeros((len(lights), 5, 5, 1), np.uint8)
    images[:, 2, 2, 0] = lights
    boxes = np.zeros((len(lights), 4), np.float32)
    return CanvasSet(images, np.array(labels, np.int32), boxes)


def test_accuracy_is_the_share_of_right_answers():
    figures = training.evaluate(
        corner_model(), canvases([255, 255, 255, 255], [1, 1, 1, 0])
    )
    assert figures == {
        "accuracy": 0.75,
        "error_percent": 25.0,
        "num_images": 4,
    }


def test_a_policy_changes_where_the_model_looks():
    digits = training.load_digits("digits")["test"]
    test = training.fixed_set(digits, training.Canvas(16), 0)
    keras.utils.set_random_seed(0)
    model = models.ram((16, 16, 1), num_glimpses=2, glimpse_size=4)
    learned = model.predict(test.images, verbose=0)
    mode = training.evaluate(model, test, "mode")
    assert training.evaluate(model, test) == mode
    with pytest.raises(ValueError, match="name='nowhere'"):
        training.evaluate(model, test, "nowhere")
    training.evaluate(model, test, "random")
    np.testing.assert_array_equal(
        learned, model.predict(test.images, verbose=0)
    )


def test_an_empty_set_is_refused():
    with pytest.raises(ValueError, match="holds no image"):
        training.evaluate(corner_model(), canvases([], []))
