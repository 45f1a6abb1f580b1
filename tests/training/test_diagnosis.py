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
from keras_attention import layers
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


def grid_model():
    """Six glimpses from a grid of places; the state is what was read last."""
    images = keras.Input((SIZE, SIZE, 1))
    cell = layers.GlimpseCell(
        layers.GlimpseSensor(8, 2),
        core=keras.layers.SimpleRNNCell(4),
        location_policy=layers.GridLocationPolicy(3, 3),
        location_network=keras.layers.Dense(9),
    )
    state = layers.RecurrentAttention(cell, 2)(images)
    return keras.Model(images, keras.layers.Dense(4)(state))


def test_a_loop_with_a_grid_of_places_takes_every_policy():
    model = grid_model()
    found, _ = finding(model, num_averaged=3)
    assert list(found["policies"]) == [
        "learned",
        "sampled",
        "random",
        "center",
        "oracle",
        "averaged",
    ]
    data = squares()
    with keras_attention.policy("center"):
        scores = model(data["images"]).numpy()
    wrong = (scores.argmax(axis=1) != data["labels"]).mean()
    centre = found["policies"]["center"]
    assert centre["percent"] == pytest.approx(100 * wrong, abs=1e-3)
    assert centre["errors_per_step_percent"][-1] == centre["percent"]
    assert len(found["views"]["learned"]["per_step_percent"]) == 2


def test_a_diagnosis_repeats_and_leaves_the_random_numbers_alone():
    model = grid_model()
    states = [
        variable
        for variable in model.variables
        if "seed_generator_state" in variable.path
    ]
    before = [state.numpy() for state in states]
    first = diagnose(model, squares(), seed=1)
    assert first == diagnose(model, squares(), seed=1)
    assert first["policies"] != diagnose(model, squares(), seed=2)["policies"]
    assert states
    for state, value in zip(states, before, strict=True):
        np.testing.assert_array_equal(state.numpy(), value)


def test_an_open_scope_does_not_change_a_diagnosis():
    model = glimpse_model()
    with keras_attention.policy("random"):
        inside = diagnose(model, squares())
    assert inside == diagnose(model, squares())


def test_a_model_that_ran_before_is_no_different():
    """What was traced by `predict` looks where it did then."""
    tf.config.run_functions_eagerly(False)
    data = squares(40)
    model = glimpse_model()
    model.compile()
    model.predict(data["images"], verbose=0)
    found = diagnose(model, data)
    assert found["policies"]["learned"]["percent"] == 0
    assert found["policies"]["center"]["percent"] > 0


def test_masks_say_the_same_as_boxes():
    data = squares()
    masks = data["images"][..., 0] > 0
    boxes = diagnose(glimpse_model(Find(blind=True)), data)
    masked = diagnose(
        glimpse_model(Find(blind=True)),
        {"images": data["images"], "labels": data["labels"], "masks": masks},
    )
    for name in ("table", "policies", "halves", "verdict", "classes"):
        assert boxes[name] == masked[name]
    for whose in ("learned", "chance"):
        assert masked["views"][whose]["share_percent"] == pytest.approx(
            boxes["views"][whose]["share_percent"], abs=0.01
        )


def test_without_boxes_there_is_a_reduced_form():
    data = squares()
    del data["boxes"]
    found, what = finding(glimpse_model(Find(blind=True)), data)
    assert what == "place_matters"
    assert found["table"] is None
    assert found["attention_error"] is None
    assert "oracle" not in found["policies"]
    assert set(found["examples"]) == {"right", "wrong"}
    assert "Without boxes" in found["notes"][-1]
    assert finding(soft_model(0.0), data)[1] == "unknown"


def test_a_data_set_in_batches_is_the_same():
    batches = tf.data.Dataset.from_tensor_slices(squares()).batch(100)
    model = glimpse_model(Find(blind=True))
    assert diagnose(model, batches) == diagnose(model, squares())


def test_a_class_without_images_has_no_percentages():
    data = squares()
    kept = data["labels"] != 2
    found, _ = finding(
        glimpse_model(), {name: value[kept] for name, value in data.items()}
    )
    assert found["classes"][2] == {
        "class": 2,
        "images": 0,
        "error_percent": None,
        "hit_percent": None,
        "hit_right": 0,
        "hit_wrong": 0,
        "missed_right": 0,
        "missed_wrong": 0,
    }
    assert found["halves"]["left"]["images"] > 0


def test_one_image_is_a_data_set():
    one = {name: value[:1] for name, value in squares().items()}
    found, _ = finding(glimpse_model(), one)
    assert found["num_images"] == 1
    assert None in [half["hit_percent"] for half in found["halves"].values()]


def test_an_answer_that_is_no_number_is_wrong():
    images = keras.Input((SIZE, SIZE, 1))
    seen = layers.LocationWiseSoftAttention()(images)
    nothing = keras.layers.Lambda(lambda x: ops.zeros((1, 4)) * x / 0.0)(seen)
    found, _ = finding(keras.Model(images, nothing))
    assert found["policies"]["learned"]["percent"] == 100


def test_the_interval_is_that_of_a_bootstrap_over_the_images():
    """Against drawing the images one by one."""
    found = diagnose(glimpse_model(Find(blind=True)), squares())
    learned = found["policies"]["learned"]
    wrong = np.arange(240) < learned["errors"]
    generator = np.random.default_rng(5)
    drawn = generator.choice(wrong, (4000, 240)).mean(axis=1)
    expected = np.percentile(100 * drawn, [2.5, 97.5])
    np.testing.assert_allclose(learned["interval"], expected, atol=0.7)
    # Nothing is wrong at the truth: the difference is the error as learned.
    assert found["attention_error"]["percent"] == learned["percent"]
    np.testing.assert_allclose(
        found["attention_error"]["interval"], expected, atol=0.7
    )


def test_what_does_not_fit_is_refused():
    data = squares()
    images = keras.Input((SIZE, SIZE, 1))
    plain = keras.Model(images, Read()(images))
    with pytest.raises(ValueError, match="has no attention layer"):
        diagnose(plain, data)
    with pytest.raises(ValueError, match=r"0 .. 3, the classes .* 0 .. 4"):
        diagnose(
            glimpse_model(),
            {**data, "labels": data["labels"] + 1 * (np.arange(240) == 3)},
        )
    with pytest.raises(ValueError, match="threshold=0"):
        diagnose(glimpse_model(), data, threshold=0)
    with pytest.raises(ValueError, match="outside the image"):
        diagnose(glimpse_model(), {**data, "boxes": data["boxes"] + 2})
