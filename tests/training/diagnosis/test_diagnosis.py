"""What a diagnosis takes, repeats and refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import keras_attention
from keras_attention import layers
from keras_attention.training.diagnosis import diagnose
from keras_attention.training.looking import look

SIZE = 24


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


def test_a_loop_with_a_grid_of_places_takes_every_policy(planted):
    model = grid_model()
    found, _ = planted.finding(model, num_averaged=3)
    assert list(found["policies"]) == [
        "learned",
        "sampled",
        "random",
        "center",
        "oracle",
        "averaged",
    ]
    data = planted.squares()
    with keras_attention.policy("center"):
        scores = model(data["images"]).numpy()
    wrong = (scores.argmax(axis=1) != data["labels"]).mean()
    centre = found["policies"]["center"]
    assert centre["percent"] == pytest.approx(100 * wrong, abs=1e-3)
    assert centre["errors_per_step_percent"][-1] == centre["percent"]
    assert len(found["views"]["learned"]["per_step_percent"]) == 2


def test_a_diagnosis_repeats_and_leaves_the_random_numbers_alone(planted):
    model = grid_model()
    states = [
        variable
        for variable in model.variables
        if "seed_generator_state" in variable.path
    ]
    before = [state.numpy() for state in states]
    first = diagnose(model, planted.squares(), seed=1)
    assert first == diagnose(model, planted.squares(), seed=1)
    assert (
        first["policies"]
        != diagnose(model, planted.squares(), seed=2)["policies"]
    )
    assert states
    for state, value in zip(states, before, strict=True):
        np.testing.assert_array_equal(state.numpy(), value)


def test_an_open_scope_does_not_change_a_diagnosis(planted):
    model = planted.glimpse_model()
    with keras_attention.policy("random"):
        inside = diagnose(model, planted.squares())
    assert inside == diagnose(model, planted.squares())


def test_a_model_that_ran_before_is_no_different(planted):
    """What was traced by `predict` looks where it did then."""
    tf.config.run_functions_eagerly(False)
    data = planted.squares(40)
    model = planted.glimpse_model()
    model.compile()
    model.predict(data["images"], verbose=0)
    found = diagnose(model, data)
    assert found["policies"]["learned"]["percent"] == 0
    assert found["policies"]["center"]["percent"] > 0


def test_masks_say_the_same_as_boxes(planted):
    data = planted.squares()
    masks = data["images"][..., 0] > 0
    boxes = diagnose(planted.glimpse_model(planted.Find(blind=True)), data)
    masked = diagnose(
        planted.glimpse_model(planted.Find(blind=True)),
        {"images": data["images"], "labels": data["labels"], "masks": masks},
    )
    for name in ("table", "policies", "halves", "verdict", "classes"):
        assert boxes[name] == masked[name]
    for whose in ("learned", "chance"):
        assert masked["views"][whose]["share_percent"] == pytest.approx(
            boxes["views"][whose]["share_percent"], abs=0.01
        )


def test_without_boxes_there_is_a_reduced_form(planted):
    data = planted.squares()
    del data["boxes"]
    found, what = planted.finding(
        planted.glimpse_model(planted.Find(blind=True)), data
    )
    assert what == "place_matters"
    assert found["table"] is None
    assert found["attention_error"] is None
    assert "oracle" not in found["policies"]
    assert set(found["examples"]) == {"right", "wrong"}
    assert "Without boxes" in found["notes"][-1]
    assert planted.finding(planted.soft_model(0.0), data)[1] == "unknown"


def test_a_data_set_in_batches_is_the_same(planted):
    batches = tf.data.Dataset.from_tensor_slices(planted.squares()).batch(100)
    model = planted.glimpse_model(planted.Find(blind=True))
    assert diagnose(model, batches) == diagnose(model, planted.squares())


def test_a_class_without_images_has_no_percentages(planted):
    data = planted.squares()
    kept = data["labels"] != 2
    found, _ = planted.finding(
        planted.glimpse_model(),
        {name: value[kept] for name, value in data.items()},
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
    assert found["halves"]["left"]["objects"] > 0


def test_one_image_is_a_data_set(planted):
    one = {name: value[:1] for name, value in planted.squares().items()}
    found, _ = planted.finding(planted.glimpse_model(), one)
    assert found["num_images"] == 1
    assert None in [half["hit_percent"] for half in found["halves"].values()]


def shares_in(squares, boxes):
    """What share of each box (N, 4) lies in each square (N, T, 4)."""
    # From centres of pixels in [-1, 1] to edges in pixels.
    edges = (boxes + 1) / 2 * (SIZE - 1) + [-0.5, -0.5, 0.5, 0.5]
    (x0, y0, x1, y1), (left, top, right, bottom) = (
        np.moveaxis(values, -1, 0) for values in (edges[:, None], squares)
    )
    width = np.minimum(x1, right) - np.maximum(x0, left)
    height = np.minimum(y1, bottom) - np.maximum(y0, top)
    common = np.maximum(width, 0) * np.maximum(height, 0)
    return common / ((x1 - x0) * (y1 - y0))


def test_of_several_objects_all_have_to_be_in_view(planted):
    data = planted.squares()
    # The other object is as large, and two or three pixels nearer the centre.
    towards = np.sign(data["boxes"][:, :2] + data["boxes"][:, 2:])
    moves = np.where(np.arange(240)[:, None] % 2, 2, 3) * towards
    others = data["boxes"] - 2 / (SIZE - 1) * np.tile(moves, 2)
    both = np.stack([data["boxes"], others], axis=1)
    model = grid_model()
    found, _ = planted.finding(model, {**data, "boxes": both})
    assert found["num_objects"] == 2
    with keras_attention.policy("mode"):
        squares = look(model, data["images"]).squares()
    hits = np.stack(  # glimpses of 8x8 can hold all of these
        [shares_in(squares, boxes) >= 0.5 for boxes in (data["boxes"], others)]
    )
    ever = hits.any(axis=2)
    assert 0 < ever.all(axis=0).mean() < ever.mean() < 1
    seen = found["views"]["learned"]
    for name, expected in (
        ("any_percent", ever.all(axis=0)),
        ("each_percent", ever),
        ("last_percent", hits[..., -1]),
    ):
        assert seen[name] == pytest.approx(100 * expected.mean(), abs=1e-3)
    assert len(seen["per_step_percent"]) == 2
    table = found["table"]
    assert table["hit_right"] + table["hit_wrong"] == ever.all(axis=0).sum()
    x = both.reshape(-1, 2, 2).mean(axis=1)[:, 0]
    left = found["halves"]["left"]["objects"]
    assert (x < -1e-6).sum() <= left <= (x < 1e-6).sum()
    one_by_one = np.stack(
        [both[:, i].reshape(-1, 2, 2).mean(1) for i in (0, 1)]
    )
    with keras_attention.policy(location=np.moveaxis(one_by_one, 0, 1)):
        wrong = model(data["images"]).numpy().argmax(axis=1) != data["labels"]
    assert found["policies"]["oracle"]["errors"] == wrong.sum()
    # By chance one is in view as often as the other; both much more rarely.
    chance = found["views"]["chance"]
    assert chance["any_percent"] < chance["each_percent"]


def test_the_same_object_twice_is_one_object(planted):
    data = planted.squares()
    twice = np.stack([data["boxes"]] * 2, axis=1)
    model = grid_model()
    one, two = (
        diagnose(model, {**data, "boxes": boxes})
        for boxes in (data["boxes"], twice)
    )
    for name in ("table", "policies", "views", "classes", "examples"):
        assert one[name] == two[name]
    assert two["halves"]["left"]["objects"] == (
        2 * one["halves"]["left"]["objects"]
    )
    assert "all objects in view" in two["verdict"]["sentence"]
    assert two.worst["hit_right"].boxes.shape[1:] == (2, 4)


def test_several_objects_need_as_many_glimpses(planted):
    data = planted.squares()
    twice = {**data, "boxes": np.stack([data["boxes"]] * 2, axis=1)}
    for model, kind in (
        (planted.glimpse_model(), "glimpses"),
        (planted.transformer_model(0.25), "transformer"),
        (planted.soft_model(30.0), "mask"),
    ):
        found, _ = planted.finding(model, twice)
        assert found["table"] is None
        assert found["num_objects"] is None
        assert "oracle" not in found["policies"]
        said = f"2 objects are to be shown in 1 steps of the kind '{kind}'"
        assert said in found["notes"][-1]


def test_an_answer_that_is_no_number_is_wrong(planted):
    images = keras.Input((SIZE, SIZE, 1))
    seen = layers.LocationWiseSoftAttention()(images)
    nothing = keras.layers.Lambda(lambda x: ops.zeros((1, 4)) * x / 0.0)(seen)
    found, _ = planted.finding(keras.Model(images, nothing))
    assert found["policies"]["learned"]["percent"] == 100


def test_the_interval_is_that_of_a_bootstrap_over_the_images(planted):
    """Against drawing the images one by one."""
    found = diagnose(
        planted.glimpse_model(planted.Find(blind=True)), planted.squares()
    )
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


def test_what_does_not_fit_is_refused(planted):
    data = planted.squares()
    images = keras.Input((SIZE, SIZE, 1))
    plain = keras.Model(images, planted.Read()(images))
    with pytest.raises(ValueError, match="has no attention layer"):
        diagnose(plain, data)
    with pytest.raises(ValueError, match=r"0 .. 3, the classes .* 0 .. 4"):
        diagnose(
            planted.glimpse_model(),
            {**data, "labels": data["labels"] + 1 * (np.arange(240) == 3)},
        )
    with pytest.raises(ValueError, match="4 names, .* Received: 2 names"):
        diagnose(planted.glimpse_model(), data, class_names=("dark", "bright"))
    with pytest.raises(ValueError, match="threshold=0"):
        diagnose(planted.glimpse_model(), data, threshold=0)
    with pytest.raises(ValueError, match="outside the image"):
        diagnose(planted.glimpse_model(), {**data, "boxes": data["boxes"] + 2})
