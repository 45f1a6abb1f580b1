import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models
from keras_attention.training.coverage import Objects
from keras_attention.training.diagnosis import diagnose
from keras_attention.training.elsewhere import (
    averaged_scores,
    look_elsewhere,
    probabilities,
)
from keras_attention.training.looking import look

IMAGES = np.random.default_rng(0).uniform(size=(3, 13, 9, 1)).astype("float32")
OBJECTS = Objects(
    np.array([[-0.5, -0.5, 2.5, 2.5], [2.5, 4.5, 5.5, 8.5], [4, 4, 8, 12]]),
    None,
    (13, 9),
)


@pytest.fixture(autouse=True)
def _eagerly():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def elsewhere(model, objects=OBJECTS, **looking):
    learned = look(model, IMAGES, **looking)
    generator = np.random.default_rng(0)
    if isinstance(objects, Objects):
        objects = [objects]
    return look_elsewhere(model, IMAGES, learned, objects, generator, looking)


def with_head(images, seen):
    flat = keras.layers.Flatten()(seen)
    return keras.Model(images, keras.layers.Dense(3)(flat))


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(
    ("transform", "num_transforms"),
    [
        ("translation", 1),
        ("similarity", 2),
        ("affine", 1),
        ("projective", 1),
        ("thin_plate_spline", 1),
    ],
)
def test_the_truth_is_in_the_middle_of_a_crop_as_large_as_before(
    transform, num_transforms, align_corners
):
    images = keras.Input((13, 9, 1))
    where = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)])
    crop = layers.SpatialTransformer(
        where,
        (3, 3),
        transform,
        num_transforms=num_transforms,
        align_corners=align_corners,
    )
    model = with_head(images, crop(images))
    kernel, bias = crop.regression.weights
    generator = np.random.default_rng(1)
    kernel.assign(0.05 * generator.normal(size=kernel.shape))
    bias.assign(bias + 0.1 * generator.normal(size=bias.shape))
    found = elsewhere(model)
    assert list(found) == ["learned", "random", "center", "oracle"]
    middles = (OBJECTS.boxes[:, :2] + OBJECTS.boxes[:, 2:]) / 2
    location = found["oracle"].attention["location"][:, 0]  # (N, n, 2)
    sides = np.array([9, 13])
    pixels = (
        (location + 1) / 2 * (sides - 1)
        if align_corners
        else ((location + 1) * sides - 1) / 2
    )
    expected = np.repeat(middles[:, None], num_transforms, axis=1)
    np.testing.assert_allclose(pixels, expected, atol=1e-3)
    np.testing.assert_allclose(
        found["center"].attention["location"], 0, atol=1e-5
    )
    before, after = (found[name].outlines() for name in ("learned", "oracle"))
    move = after - before
    if transform != "thin_plate_spline":
        np.testing.assert_allclose(
            move, np.repeat(move[..., :1, :], 4, axis=3), atol=1e-3
        )
    assert found["random"].attention["location"].std() > 0.1


def test_soft_weights_are_even_over_the_object():
    images = keras.Input((13, 9, 1))
    seen = layers.LocationWiseSoftAttention()(images)
    found = elsewhere(with_head(images, seen))
    assert list(found) == ["learned", "random", "center", "oracle"]
    expected = np.zeros((13, 9))
    expected[5:9, 3:6] = 1 / 12
    np.testing.assert_allclose(
        found["oracle"].masks()[1, 0], expected, atol=1e-6
    )
    # The same 3x4 pixels, with their middle in the middle of the image.
    np.testing.assert_allclose(
        found["center"].masks()[1, 0].sum(), 1, rtol=1e-5
    )
    assert (found["center"].masks()[1, 0] > 1e-6).sum() == 3 * 5
    assert (found["random"].masks() > 0).any(axis=(1, 2, 3)).all()
    assert list(elsewhere(with_head(images, seen), None)) == ["learned"]


def item_loop(num_glimpses, k=1, never_twice=True):
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(k),
        keras.layers.GRUCell(2),
        inhibition_of_return=never_twice,
    )
    return layers.RecurrentAttention(cell, num_glimpses)


@pytest.mark.parametrize("never_twice", [True, False])
def test_the_items_at_the_truth_are_those_that_show_most(never_twice):
    images = keras.Input((13, 9, 1))
    items = keras.layers.Reshape((-1, 1))(images)
    loop = item_loop(3, k=2, never_twice=never_twice)
    model = with_head(images, loop(items))
    found = elsewhere(model, item_grid=(13, 9))
    indices = found["oracle"].attention["indices"]
    # The pixels of the first object are the first three of three rows.
    in_reading_order = [[0, 1], [2, 9], [10, 11]]
    expected = in_reading_order if never_twice else [[0, 1]] * 3
    np.testing.assert_array_equal(indices[0], expected)
    without = elsewhere(model)
    assert list(without) == ["learned", "sampled", "random", "center"]


def test_where_all_items_were_seen_none_is_left_at_the_truth():
    images = keras.Input((13, 9, 1))
    items = keras.layers.Reshape((-1, 1))(
        keras.layers.AveragePooling2D((6, 4))(images)
    )
    model = with_head(images, item_loop(5)(items))
    found = elsewhere(model, item_grid=(2, 2))
    indices = found["oracle"].attention["indices"][..., 0]  # (N, T)
    np.testing.assert_array_equal(np.sort(indices[:, :4]), [[0, 1, 2, 3]] * 3)
    np.testing.assert_array_equal(indices[:, 4], [-1, -1, -1])


def test_a_loop_that_stops_once_it_is_sure_chooses_none_again_either():
    """Though what it recorded repeats the last, for the steps it left out."""
    images = keras.Input((13, 9, 1))
    items = keras.layers.Reshape((-1, 1))(images)
    model = with_head(images, item_loop(3)(items))
    looked = look(models.until_sure(model, 1e-3), IMAGES)
    assert np.ptp(looked.attention["indices"], axis=1).max() == 0
    assert looked.geometry["never_twice"]


def test_glimpses_at_the_truth_are_at_the_middle_of_the_box():
    images = keras.Input((13, 9, 1))
    loop = layers.RecurrentAttention(layers.GlimpseCell(4), 2)
    found = elsewhere(with_head(images, loop(images)))
    squares = found["oracle"].squares()
    middles = (OBJECTS.boxes[:, :2] + OBJECTS.boxes[:, 2:]) / 2
    np.testing.assert_allclose(
        (squares[..., :2] + squares[..., 2:]) / 2,
        np.repeat(middles[:, None], 2, axis=1),
        atol=1e-5,
    )


# A second object in each image, of one pixel.
OTHERS = Objects(
    np.array(
        [[6.5, 0.5, 7.5, 1.5], [0.5, 8.5, 1.5, 9.5], [-0.5, -0.5, 0.5, 0.5]]
    ),
    None,
    (13, 9),
)


def test_glimpses_are_shown_one_object_after_the_other():
    images = keras.Input((13, 9, 1))
    loop = layers.RecurrentAttention(layers.GlimpseCell(4), 5)
    found = elsewhere(with_head(images, loop(images)), [OBJECTS, OTHERS])
    squares = found["oracle"].squares()
    first, second = (
        (one.boxes[:, :2] + one.boxes[:, 2:]) / 2 for one in (OBJECTS, OTHERS)
    )
    np.testing.assert_allclose(
        (squares[..., :2] + squares[..., 2:]) / 2,
        np.stack([first, first, first, second, second], axis=1),
        atol=1e-5,
    )


def test_glimpses_of_a_map_at_the_truth_are_at_its_cells():
    images = keras.Input((12, 9, 1))
    small = keras.layers.AveragePooling2D(3)(images)  # 4 rows, 3 columns
    loop = layers.RecurrentAttention(layers.GlimpseCell(1), 1)
    model = with_head(images, loop(small))
    # Pixels of the second row and the third column of cells.
    objects = Objects(np.array([[5.5, 2.5, 8.5, 5.5]]), None, (12, 9))
    learned = look(model, IMAGES[:1, :12])
    found = look_elsewhere(
        model, IMAGES[:1, :12], learned, [objects], np.random.default_rng(0), {}
    )
    location = found["oracle"].attention["location"][0, 0]
    np.testing.assert_allclose(location, [1, -1 / 3], atol=1e-6)
    np.testing.assert_allclose(
        found["oracle"].squares()[0, 0], objects.boxes[0], atol=1e-5
    )


def test_probabilities_of_samples_are_averaged():
    """One that never strays gives its own; one that does, their mean."""
    images = keras.Input((13, 9, 1))
    sampling = layers.LocationWiseHardAttention(
        4, location_policy=layers.GaussianLocationPolicy(1e-6)
    )
    seen = sampling(images, keras.layers.Flatten()(images))
    model = with_head(images, seen)
    expected = tf.nn.softmax(model(IMAGES)).numpy()
    np.testing.assert_allclose(
        averaged_scores(model, IMAGES, 4, 8), expected, atol=1e-4
    )
    sampling.location_policy.stddev.assign(0.5)
    averaged = averaged_scores(model, IMAGES[:1], 2000, 8)
    with keras_attention.policy("sample"):
        scores = model(np.repeat(IMAGES[:1], 2000, axis=0))
    mean = tf.nn.softmax(scores).numpy().mean(axis=0)
    assert np.abs(mean - expected[0]).max() > 0.02
    np.testing.assert_allclose(averaged[0], mean, atol=0.02)


def test_probabilities_are_told_from_scores():
    scores = np.array([[0.2, 0.8], [0.5, 0.5]], "float32")
    np.testing.assert_array_equal(probabilities(scores), scores)
    np.testing.assert_allclose(
        probabilities(scores * 3), tf.nn.softmax(scores * 3)
    )


def test_of_several_layers_only_the_one_in_question_looks_elsewhere():
    images = keras.Input((16, 16, 1))
    small = keras.layers.AveragePooling2D(2)(images)
    seen = layers.LocationWiseSoftAttention(name="map")(small)
    items = keras.layers.Reshape((-1, 1))(keras.layers.MaxPooling2D(4)(images))
    read = layers.ItemWiseSoftAttention(name="items")(items)
    model = keras.Model(images, keras.layers.Concatenate()([seen, read]))
    pixels = np.random.default_rng(0).uniform(size=(6, 16, 16, 1))
    data = {
        "images": pixels.astype("float32"),
        "labels": np.arange(6) % 2,
        "boxes": np.tile([[-0.5, -0.5, 0.5, 0.5]], (6, 1)),
    }
    for options in ({"layer": "map"}, {"layer": "items", "item_grid": (4, 4)}):
        found = diagnose(model, data, **options)
        assert found["layer"] == options["layer"]
        assert "oracle" in found["policies"]
    weights = np.eye(64, dtype="float32")[:6].reshape(6, 8, 8)
    forced = {"attention_weights": weights}
    moved = look(model, data["images"], layer="map", forced=forced).scores
    stayed = look(model, data["images"], layer="map").scores
    np.testing.assert_allclose(moved[:, 1], stayed[:, 1], rtol=1e-6)
    assert np.abs(moved[:, 0] - stayed[:, 0]).min() > 1e-6


def test_a_model_that_looks_until_it_is_sure_can_be_diagnosed():
    model = models.until_sure(
        models.ram((16, 16, 1), 3, num_glimpses=2, glimpse_size=4), 0.9
    )
    pixels = np.random.default_rng(0).uniform(size=(6, 16, 16, 1))
    found = diagnose(
        model,
        {
            "images": pixels.astype("float32"),
            "labels": np.arange(6) % 3,
            "boxes": np.tile([[-0.5, -0.5, 0.5, 0.5]], (6, 1)),
        },
    )
    assert found["kind"] == "glimpses"
    assert found["num_steps"] == 2
    assert "oracle" in found["policies"]
