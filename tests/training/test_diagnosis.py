"""Faults are planted in models made by hand; the diagnosis must find them.

An image is 24x24 and black but for one bright square of 6x6. Its class is
how bright the square is. Everything a model needs can be set by hand: where
the square is, is the mean place of what is bright; what it is, is the
brightest thing in view.
"""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import keras_attention
from keras_attention import layers, training
from keras_attention.training.diagnosis import diagnose

pytestmark = pytest.mark.usefixtures("eagerly")

SIZE, SQUARE = 24, 6
LEVELS = np.array([0.25, 0.5, 0.75, 1.0], "float32")


@pytest.fixture
def eagerly():
    """Without tracing, which takes longer than such small models do."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def squares(num_images=240, hollow=False):
    """A data set; a hollow square has the same grey inside in every class."""
    generator = np.random.default_rng(0)
    labels = np.arange(num_images) % len(LEVELS)
    images = np.zeros((num_images, SIZE, SIZE, 1), "float32")
    places = 3 * generator.integers(0, 7, (num_images, 2))  # (x, y)
    for image, label, (x, y) in zip(images, labels, places, strict=True):
        image[y : y + SQUARE, x : x + SQUARE] = LEVELS[label]
        if hollow:
            image[y + 1 : y + 5, x + 1 : x + 5] = 0.1
    corners = np.concatenate([places, places + SQUARE - 1], axis=1)
    boxes = (2 * corners / (SIZE - 1) - 1).astype("float32")
    return {"images": images, "labels": labels, "boxes": boxes}


@keras.saving.register_keras_serializable("tests")
class Find(keras.layers.Layer):
    """The middle of the bright square, (x, y), from the pixels (B, P)."""

    def __init__(self, blind=False, **kwargs):
        super().__init__(**kwargs)
        self.blind = blind

    def call(self, pixels):
        bright = ops.cast(ops.reshape(pixels, (-1, SIZE, SIZE)) > 0, "float32")
        along = ops.linspace(-1.0, 1.0, SIZE)
        count = ops.sum(bright, axis=(1, 2))
        x = ops.sum(bright * along, axis=(1, 2)) / count
        y = ops.sum(bright * along[:, None], axis=(1, 2)) / count
        return ops.stack([-ops.abs(x) if self.blind else x, y], axis=-1)


class Read(keras.layers.Layer):
    """Scores of the classes: how near the brightest thing is to their level.

    With `confused` it cannot tell the classes 1 and 2 apart: a coin decides
    that depends on nothing that it should depend on.
    """

    def __init__(self, confused=False, **kwargs):
        super().__init__(**kwargs)
        self.confused = confused

    def call(self, seen):
        flat = ops.reshape(seen, (ops.shape(seen)[0], -1))
        scores = -((ops.max(flat, axis=-1, keepdims=True) - LEVELS) ** 2)
        if not self.confused:
            return scores
        where = ops.argmax(flat, axis=-1)
        coin = ops.cast((where * 7919) % 2, "float32") * 1e-3
        pair = ops.maximum(scores[:, 1], scores[:, 2])
        return ops.stack(
            [scores[:, 0], pair + coin, pair + 5e-4, scores[:, 3]], axis=-1
        )


def glimpse_model(where=None, confused=False, glimpse_size=8):
    """One glimpse: the place is chosen from all pixels."""
    images = keras.Input((SIZE, SIZE, 1))
    look = layers.LocationWiseHardAttention(
        glimpse_size,
        location_network=where or Find(),
        location_policy=layers.GaussianLocationPolicy(0.01),
        name="look",
    )
    glimpse = look(images, keras.layers.Flatten()(images))
    return keras.Model(images, Read(confused)(glimpse), name="planted")


def finding(model, dataset=None, **options):
    """The diagnosis, and what its verdict found."""
    found = diagnose(
        model, squares() if dataset is None else dataset, **options
    )
    json.dumps(found, allow_nan=False)
    return found, found["verdict"]["finding"]


def test_a_healthy_model():
    found, what = finding(glimpse_model())
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


def test_a_recogniser_with_shuffled_labels_for_two_classes():
    found, what = finding(glimpse_model(confused=True))
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


def test_a_location_network_frozen_at_random():
    where = keras.layers.Dense(
        2, "tanh", kernel_initializer=keras.initializers.RandomNormal(0, 0.2, 0)
    )
    found, what = finding(glimpse_model(where))
    assert what == "unlearned"
    assert "work on where it looks" in found["verdict"]["sentence"]
    assert "by chance" in found["verdict"]["sentence"]
    assert found["recognition_error"]["percent"] == 0
    assert found["attention_error"]["interval"][0] > 40


def test_a_location_network_that_knows_nothing_of_the_image():
    where = keras.layers.Dense(2, "tanh", kernel_initializer="zeros")
    found, what = finding(glimpse_model(where))
    assert what == "same_places"
    assert "the same places in every image" in found["verdict"]["sentence"]
    assert found["spread"] == 0


def test_a_location_network_blind_to_the_right_half():
    found, what = finding(glimpse_model(Find(blind=True)))
    assert what == "blind"
    assert "blind to the right half" in found["verdict"]["sentence"]
    assert found["halves"]["left"]["hit_percent"] == 100
    assert found["halves"]["right"]["hit_percent"] < 50


def test_a_crop_that_is_too_small():
    model = glimpse_model(glimpse_size=3)
    assert finding(model)[1] == "healthy"
    found, what = finding(model, squares(hollow=True))
    assert what == "crop"
    assert (
        "the widest can show 25 % of the object"
        in (found["verdict"]["sentence"])
    )
    assert found["table"]["hit_wrong"] == found["policies"]["learned"]["errors"]
    assert finding(glimpse_model(), squares(hollow=True))[1] == "healthy"


def soft_model(sharpness, confused=False):
    """Weights over a map of 8x8; where it is bright they are e^sharpness."""
    images = keras.Input((SIZE, SIZE, 1))
    features = keras.layers.AveragePooling2D(3)(images)
    attend = layers.LocationWiseSoftAttention(units=1)
    model = keras.Model(images, Read(confused)(attend(features)))
    set_score(attend, sharpness)
    return model


def set_score(attend, sharpness):
    """Makes the additive score sharpness * tanh(10 * brightness)."""
    for weight in attend.score.weights:
        weight.assign(np.zeros(weight.shape))
    attend.score.of_items.kernel.assign([[10.0]])
    attend.score.last.kernel.assign([[sharpness]])


def test_soft_attention_that_finds_what_matters_is_healthy():
    found, what = finding(soft_model(30.0))
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


def test_soft_attention_that_is_uniform_looks_at_nothing():
    found, what = finding(soft_model(0.0))
    assert what == "unlearned"
    assert found["policies"]["learned"]["percent"] == 75
    assert found["recognition_error"]["percent"] == 0


def test_soft_attention_that_seeks_the_dark_is_no_better_than_chance():
    found, what = finding(soft_model(-30.0))
    assert what == "unlearned"
    assert found["table"]["missed_wrong"] == 180
    assert found["recognition_error"]["percent"] == 0


def test_a_soft_model_that_reads_wrongly_is_told_apart():
    assert finding(soft_model(30.0, confused=True))[1] in (
        "recogniser",
        "confused",
    )


def transformer_model(scale, follows=True, confused=False):
    images = keras.Input((SIZE, SIZE, 1))
    where = keras.Sequential([keras.layers.Flatten(), Find()])
    crop = layers.SpatialTransformer(where, (6, 6), transform="attention")
    model = keras.Model(images, Read(confused)(crop(images)))
    kernel, bias = crop.regression.weights
    kernel.assign(np.eye(3)[1:] * follows)
    bias.assign([scale, 0, 0])
    return model


def test_a_transformer_that_follows_is_healthy():
    found, what = finding(transformer_model(0.25))
    assert what == "healthy"
    assert found["kind"] == "transformer"
    assert found["views"]["learned"]["share_percent"] > 90
    assert found["views"]["learned"]["overlap_percent"] > 80
    assert found["views"]["chance"]["overlap_percent"] < 20


def test_a_transformer_that_stays_in_the_middle():
    found, what = finding(transformer_model(0.25, follows=False))
    assert what == "same_places"
    assert found["recognition_error"]["percent"] == 0
    assert (
        found["policies"]["center"]["errors"]
        == found["policies"]["learned"]["errors"]
    )


def test_a_transformer_that_never_zooms_is_loose():
    found, what = finding(transformer_model(1.0, follows=False))
    assert what == "healthy"
    assert [advice["rule"] for advice in found["advice"]] == ["loose"]


def item_model(sharpness, num_glimpses=3):
    """Chooses an item of 8x8 several times; the state is the last item."""
    images = keras.Input((SIZE, SIZE, 1))
    items = keras.layers.AveragePooling2D(3)(images)
    items = keras.layers.Reshape((-1, 1))(items)
    attend = layers.ItemWiseHardAttention(units=1)
    cell = layers.AttentionCell(
        attend,
        keras.layers.SimpleRNNCell(
            1, None, kernel_initializer="ones", recurrent_initializer="zeros"
        ),
    )
    state = layers.RecurrentAttention(cell, num_glimpses)(items)
    model = keras.Model(images, Read()(state))
    set_score(attend, sharpness)
    return model


def test_items_with_a_grid_are_diagnosed_step_by_step():
    found, what = finding(item_model(30.0), item_grid=(8, 8))
    assert what == "healthy"
    assert found["num_steps"] == 3
    assert found["policies"]["learned"]["errors_per_step_percent"] == [0, 0, 0]
    found, _ = finding(item_model(-30.0), item_grid=(8, 8))
    assert found["recognition_error"]["percent"] == 0
    assert found["views"]["learned"]["any_percent"] == 0
    assert found["policies"]["learned"]["percent"] == 75


def test_items_without_a_grid_say_what_is_missing():
    found, what = finding(item_model(30.0))
    assert what == "healthy"
    assert found["views"] is None
    assert "item_grid=(rows, columns)" in found["notes"][-1]
    assert sorted(found["policies"]) == [
        "center",
        "learned",
        "random",
        "sampled",
    ]
