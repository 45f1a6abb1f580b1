import keras
import numpy as np
import pytest

from keras_attention import models
from keras_attention.models import split


@pytest.fixture(scope="module")
def model():
    images = keras.Input((6, 5, 1))
    scores = keras.layers.Dense(3)(keras.layers.Flatten()(images))
    model = models.ImageModel(images, scores)
    model.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    return model


@pytest.fixture
def photos():
    return np.random.default_rng(0).integers(0, 256, (4, 6, 5, 1), "uint8")


def test_uint8_stands_for_0_to_255(model, photos):
    expected = model(photos.astype("float32") / 255)
    np.testing.assert_allclose(model(photos), expected, atol=1e-6)
    np.testing.assert_allclose(
        model.predict(photos, verbose=0), expected, atol=1e-6
    )


def test_it_trains_without_hard_attention(model, photos):
    labels = np.array([0, 1, 2, 0])
    history = model.fit(photos, labels, epochs=2, verbose=0).history
    assert list(history) == ["loss"]
    assert history["loss"][1] < history["loss"][0]


def test_images_may_come_in_a_container_of_one(model, photos):
    expected = model(photos)
    for given in ([photos], (photos,), {"image": photos}):
        np.testing.assert_array_equal(model(given), expected)
        np.testing.assert_allclose(
            model.predict(given, verbose=0), expected, atol=1e-6
        )
    dot = [[[[0.5]]]]
    pixel = keras.Input((1, 1, 1))
    tiny = models.ImageModel(pixel, keras.layers.Flatten()(pixel))
    np.testing.assert_array_equal(tiny(dot), [[0.5]])


def test_other_shapes_and_dtypes_are_refused(model, photos):
    with pytest.raises(ValueError, match="uint8, 0-255.*dtype=int64"):
        model(photos.astype("int64"))
    with pytest.raises(ValueError, match=r"images.shape=\(4, 6, 5\)"):
        model(photos[..., 0])


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_it_is_a_part_of_another_model(model, photos, dtype):
    images = keras.Input((6, 5, 1), dtype=dtype)
    whole = keras.Model(images, keras.layers.Softmax()(model(images)))
    given = photos if dtype == "uint8" else photos.astype("float32") / 255
    expected = keras.ops.softmax(model(photos))
    np.testing.assert_allclose(
        whole.predict(given, verbose=0), expected, atol=1e-6
    )


def test_a_loaded_model_reads_uint8_too(model, photos, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(photos), model(photos), atol=1e-6)


def test_what_is_made_like_it_is_one_too(model, photos):
    same = split.model_like(model, model.input, model.output, "same")
    assert isinstance(same, models.ImageModel)
    np.testing.assert_allclose(same(photos), model(photos), atol=1e-6)
