import keras
import numpy as np
import pytest

import keras_attention
from keras_attention import layers, models, training
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


def test_bytes_are_scaled_for_a_model_that_does_not_do_it():
    images = keras.Input((5, 5, 1))
    light = keras.layers.Flatten()(keras.layers.Cropping2D(2)(images))
    scores = keras.layers.Concatenate()([light, 1 - light])  # 0.5 or more?
    figures = training.evaluate(
        keras.Model(images, scores), canvases([200, 100], [0, 1])
    )
    assert figures["accuracy"] == 1.0


def test_of_several_labels_each_counts():
    images = keras.Input((5, 5, 1))
    twice = keras.layers.RepeatVector(2)(corner_model()(images))
    figures = training.evaluate(
        keras.Model(images, twice),
        canvases([255, 255, 255], [[1, 1], [1, 0], [0, 0]]),
    )
    assert figures == {
        "accuracy": 0.5,
        "error_percent": 50.0,
        "num_images": 3,
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


def test_a_policy_changes_where_a_plain_model_looks_and_only_then():
    digits = training.load_digits("digits")["test"]
    test = training.fixed_set(digits, training.Canvas(16), 0)
    test = CanvasSet(test.images[:60], test.labels[:60], test.boxes[:60])
    images = keras.Input((16, 16, 1), name="image")
    cell = layers.GlimpseCell(
        layers.GlimpseSensor(4),
        location_policy=layers.GaussianLocationPolicy(1.0),
        estimator="pathwise",
    )
    states = layers.RecurrentAttention(cell, num_glimpses=2)(images)
    model = models.ImageModel(images, keras.layers.Dense(10)(states))
    learned = model.predict(test.images, verbose=0)
    with keras_attention.policy("center"):
        expected = model(test.images).numpy().argmax(axis=-1)
    assert (expected != learned.argmax(axis=-1)).any()
    figures = training.evaluate(model, test, "center")
    assert figures["accuracy"] == np.mean(expected == test.labels)
    np.testing.assert_array_equal(
        learned, model.predict(test.images, verbose=0)
    )


@pytest.mark.parametrize("policy", ["random", "center", "sample"])
def test_a_policy_is_refused_where_it_would_change_nothing(policy):
    with pytest.raises(ValueError, match=f"diagnose.*policy='{policy}'"):
        training.evaluate(corner_model(), canvases([255], [1]), policy)


def test_an_empty_set_is_refused():
    with pytest.raises(ValueError, match="holds no image"):
        training.evaluate(corner_model(), canvases([], []))


@pytest.fixture(scope="module")
def glimpse_model():
    keras.utils.set_random_seed(0)
    model = models.ram(
        (16, 16, 1),
        num_glimpses=2,
        glimpse_size=4,
        core=keras.layers.SimpleRNNCell(16),
    )
    *_, head = model.layers
    head.set_weights([10 * head.get_weights()[0], head.get_weights()[1]])
    return model


@pytest.fixture(scope="module")
def small_digits():
    digits = training.load_digits("digits")["test"]
    test = training.fixed_set(digits, training.Canvas(16), 0)
    return CanvasSet(test.images[:60], test.labels[:60], test.boxes[:60])


def test_the_curve_is_what_the_models_that_stop_early_reach(
    glimpse_model, small_digits
):
    thresholds = [0.5, 1]
    curve = training.until_sure_curve(glimpse_model, small_digits, thresholds)
    for threshold, figures in zip(thresholds, curve, strict=True):
        sure = models.until_sure(glimpse_model, threshold)
        with keras_attention.record_attention() as attention:
            scores = sure(small_digits.images).numpy()
        (attention,) = attention.values()
        right = scores.argmax(axis=-1) == small_digits.labels
        assert figures == {
            "threshold": threshold,
            "accuracy": right.mean(),
            "error_percent": round(100 * (1 - right.mean()), 3),
            "num_images": 60,
            "mean_glimpses": attention["num_glimpses"].numpy().mean(),
        }
    glimpses = [figures["mean_glimpses"] for figures in curve]
    assert 1 < glimpses[0] < glimpses[1] == 2


def test_a_curve_of_what_is_no_probability_is_refused(glimpse_model):
    with pytest.raises(ValueError, match="threshold=1.5"):
        training.until_sure_curve(glimpse_model, canvases([1], [1]), [0.5, 1.5])
