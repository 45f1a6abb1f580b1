import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models
from keras_attention.training.looking import Looked, look

IMAGES = np.random.default_rng(0).uniform(size=(5, 16, 16, 1)).astype("float32")


def with_head(images, seen):
    flat = keras.layers.Flatten()(seen)
    return keras.Model(images, keras.layers.Dense(3)(flat), name="planted")


def feature_model(mechanism):
    images = keras.Input((16, 16, 1))
    features = keras.layers.Conv2D(4, 3, 2, padding="same")(images)
    if not isinstance(mechanism, layers.LocationWiseSoftAttention):
        features = keras.layers.Reshape((-1, 4))(features)
    return with_head(images, mechanism(features))


def transformer_model(**options):
    images = keras.Input((16, 16, 1))
    where = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)])
    crop = layers.SpatialTransformer(where, (5, 5), **options)
    return with_head(images, crop(images)), crop


def test_scores_and_glimpses_are_those_of_the_model():
    """Traced, in batches of which the last one is smaller."""
    model = models.ram((16, 16, 1), 3, num_glimpses=2, glimpse_size=4)
    pixels = (255 * IMAGES).astype("uint8")
    with keras_attention.record_attention() as recorded:
        scores = model(pixels).numpy()
    looked = look(model, pixels, batch_size=2)
    np.testing.assert_allclose(looked.scores, scores, atol=1e-5)
    np.testing.assert_allclose(
        looked.attention["location"],
        recorded["glimpses"]["location"],
        atol=1e-5,
    )
    assert (looked.kind, looked.layer, looked.num_steps) == (
        "glimpses",
        "glimpses",
        2,
    )
    with keras_attention.policy("center"):
        centre = look(model, pixels, batch_size=2)
    assert not centre.attention["location"].any()
    # 4 pixels around the middle of 16, then 8 at the next scale.
    np.testing.assert_array_equal(centre.squares()[0, 0], [5.5, 5.5, 9.5, 9.5])
    np.testing.assert_array_equal(
        centre.squares(1)[0, 0], [3.5, 3.5, 11.5, 11.5]
    )
    place = np.tile([[1.0, -1.0]], (5, 1)).astype("float32")
    forced = look(model, pixels, batch_size=2, forced={"location": place})
    np.testing.assert_array_equal(
        forced.squares()[4, 1], [13.0, -2.0, 17.0, 2.0]
    )


@pytest.mark.usefixtures("eagerly")
class TestKinds:
    @pytest.fixture
    def eagerly(self):
        tf.config.run_functions_eagerly(True)
        yield
        tf.config.run_functions_eagerly(False)

    def test_a_glimpse_of_a_feature_map_is_as_large_as_its_pixels_are(self):
        images = keras.Input((16, 16, 1))
        small = keras.layers.AveragePooling2D(2)(images)
        loop = layers.RecurrentAttention(layers.GlimpseCell(4), 2)
        looked = look(with_head(images, loop(small)), IMAGES)
        sides = looked.squares()[0, 0, 2:] - looked.squares()[0, 0, :2]
        np.testing.assert_allclose(sides, [8, 8], atol=1e-5)

    def test_a_soft_mask(self):
        looked = look(feature_model(layers.LocationWiseSoftAttention()), IMAGES)
        assert looked.kind == "mask"
        assert looked.masks().shape == (5, 1, 8, 8)
        np.testing.assert_allclose(looked.masks().sum((2, 3)), 1, atol=1e-5)

    def test_weights_can_be_forced(self):
        weights = np.zeros((5, 8, 8), "float32")
        weights[:, 2, 3] = 1
        model = feature_model(layers.LocationWiseSoftAttention())
        looked = look(model, IMAGES, forced={"attention_weights": weights})
        np.testing.assert_array_equal(looked.masks()[:, 0], weights)
        with pytest.raises(ValueError, match="shape of what it replaces"):
            look(model, IMAGES, forced={"attention_weights": weights[:, :4]})

    def test_items_lie_on_a_grid(self):
        model = feature_model(layers.ItemWiseSoftAttention())
        looked = look(model, IMAGES, item_grid=(8, 8))
        weights = looked.attention["attention_weights"]
        np.testing.assert_array_equal(
            looked.masks()[0, 0].ravel(), weights[0, 0]
        )
        with pytest.raises(ValueError, match="64 items. Received: item_grid"):
            look(model, IMAGES, item_grid=(8, 7))
        with pytest.raises(ValueError, match="say where they lie"):
            look(model, IMAGES).masks()

    def test_chosen_items_share_the_attention(self):
        indices = np.array([[[0, 9], [63, -1]]])
        looked = Looked(
            "items",
            "look",
            (16, 16),
            np.zeros((1, 3)),
            {"attention_weights": np.zeros((1, 2, 64)), "indices": indices},
            {"item_grid": (8, 8)},
        )
        masks = looked.masks()
        assert masks[0, 0, 0, 0] == masks[0, 0, 1, 1] == 0.5
        assert masks[0, 1].sum() == masks[0, 1, 7, 7] == 0.5

    def test_the_outline_of_a_crop(self):
        model, crop = transformer_model(transform="attention")
        crop.regression.bias.assign([0.5, 0.5, -0.5])
        outline = look(model, IMAGES).outlines()
        assert outline.shape == (5, 1, 1, 4, 2)
        # The top right quarter, from the middle to the border.
        np.testing.assert_allclose(
            outline[0, 0, 0],
            [[7.5, 0], [15, 0], [15, 7.5], [7.5, 7.5]],
            atol=1e-5,
        )

    def test_theta_can_be_forced(self):
        model, _ = transformer_model(num_transforms=2)
        theta = np.zeros((5, 2, 2, 3), "float32")
        theta[:, 1, :, 2] = 0.25
        looked = look(model, IMAGES, forced={"theta": theta})
        np.testing.assert_array_equal(looked.attention["theta"][:, 0], theta)

    def test_the_outline_of_a_spline_goes_around_it(self):
        model, _ = transformer_model(
            transform="thin_plate_spline", align_corners=False
        )
        outline = look(model, IMAGES).outlines()[0, 0, 0]
        assert outline.shape == (32, 2)
        np.testing.assert_allclose(outline[0], [-0.5, -0.5], atol=1e-3)
        np.testing.assert_allclose(outline[16], [15.5, 15.5], atol=1e-3)
        steps = np.linalg.norm(np.roll(outline, -1, 0) - outline, axis=1)
        np.testing.assert_allclose(steps, 2, atol=1e-3)

    def test_of_several_layers_the_last_loop_is_taken(self):
        images = keras.Input((16, 16, 1))
        mask = layers.LocationWiseSoftAttention(output="zero", name="mask")
        cell = layers.GlimpseCell(4)
        loop = layers.RecurrentAttention(cell, 1, name="loop")
        model = with_head(images, loop(mask(images)))
        assert look(model, IMAGES).layer == "loop"
        assert look(model, IMAGES, layer="mask").kind == "mask"
        with pytest.raises(ValueError, match="mask, loop. Received: layer='x'"):
            look(model, IMAGES, layer="x")

    def test_a_layer_of_a_subclassed_model_is_found(self):
        class Model(keras.Model):
            def __init__(self):
                super().__init__()
                self.look = layers.LocationWiseSoftAttention(name="look")
                self.head = keras.layers.Dense(3)

            def call(self, images):
                return self.head(self.look(images))

        assert look(Model(), IMAGES).layer == "look"

    def test_a_model_without_attention_is_refused(self):
        images = keras.Input((16, 16, 1))
        with pytest.raises(ValueError, match="'planted' has no attention"):
            look(with_head(images, images), IMAGES)

    def test_a_model_without_classes_is_refused(self):
        images = keras.Input((16, 16, 1))
        seen = layers.LocationWiseSoftAttention()(images)
        with pytest.raises(ValueError, match="at least two classes"):
            look(keras.Model(images, seen), IMAGES)
        with pytest.raises(ValueError, match="must return scores of classes"):
            look(keras.Model(images, [seen, seen]), IMAGES)

    def test_one_of_two_hard_layers_can_not_be_forced(self):
        images = keras.Input((16, 16, 1))
        items = keras.layers.Reshape((-1, 16))(images)
        first = layers.ItemWiseHardAttention(name="first")(items)
        second = layers.ItemWiseHardAttention(name="second")(items)
        model = with_head(images, keras.layers.Add()([first, second]))
        indices = np.zeros((5, 1), "int32")
        with pytest.raises(ValueError, match="with first, second"):
            look(model, IMAGES, layer="first", forced={"indices": indices})

    def test_images_of_another_rank_are_refused(self):
        model = feature_model(layers.ItemWiseSoftAttention())
        with pytest.raises(ValueError, match=r"images.shape=\(16, 16, 1\)"):
            look(model, IMAGES[0])

    def test_a_sensor_of_unknown_size_needs_to_be_told(self):
        class Blob(keras.layers.Layer):
            def call(self, images, location):
                return images[:, :4, :4]

        images = keras.Input((16, 16, 1))
        loop = layers.RecurrentAttention(layers.GlimpseCell(Blob()), 1)
        model = with_head(images, loop(images))
        with pytest.raises(ValueError, match="give `glimpse_size`"):
            look(model, IMAGES)
        assert look(model, IMAGES, glimpse_size=4).squares().shape == (5, 1, 4)


def test_a_kind_has_its_own_regions():
    looked = Looked("mask", "look", (4, 4), np.zeros((1, 2)), {}, {})
    with pytest.raises(ValueError, match="glimpses has squares"):
        looked.squares()
    with pytest.raises(ValueError, match="transformer has outlines"):
        looked.outlines()
