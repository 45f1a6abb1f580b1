import keras
import numpy as np
import pytest

from keras_attention import models


@pytest.fixture(scope="module")
def model():
    model = models.ram(
        (12, 10, 1), num_classes=3, num_glimpses=2, glimpse_size=4
    )
    model.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    return model


@pytest.fixture
def photos():
    return np.random.default_rng(0).integers(0, 256, (4, 12, 10, 1), "uint8")


def test_uint8_stands_for_0_to_255(model, photos):
    expected = model(photos.astype("float32") / 255)
    np.testing.assert_allclose(model(photos), expected, atol=1e-6)
    np.testing.assert_allclose(
        model.predict(photos, verbose=0), expected, atol=1e-6
    )
    labels = np.array([0, 1, 2, 0])
    np.testing.assert_allclose(
        model.evaluate(photos, labels, verbose=0),
        model.evaluate(photos / np.float32(255), labels, verbose=0),
        rtol=1e-5,
    )


def test_uint8_trains(model, photos):
    history = model.fit(photos, np.array([0, 1, 2, 0]), verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool"])
def test_whole_numbers_of_unknown_range_are_an_error(model, photos, dtype):
    with pytest.raises(ValueError, match=f"uint8, 0-255.*dtype={dtype}"):
        model(photos.astype(dtype))
    with pytest.raises(ValueError, match=f"dtype={dtype}"):
        model.predict(photos.astype(dtype), verbose=0)


def test_nested_lists_and_float64_are_images_too(model, photos):
    images = photos / 255
    expected = model(images.astype("float32"))
    np.testing.assert_allclose(model(images), expected, atol=1e-6)
    np.testing.assert_allclose(model(images.tolist()), expected, atol=1e-6)


def test_a_batch_without_images_has_no_scores(model):
    assert model(np.zeros((0, 12, 10, 1), "float32")).shape == (0, 3)
    assert model(np.zeros((0, 12, 10, 1), "uint8")).shape == (0, 3)


def test_an_image_with_nan_spoils_no_other_scores(model, photos):
    images = photos.astype("float32") / 255
    expected = model(images)[1:]
    images[0] = np.nan
    # Its own are NaN or not, as the kernels of relu take NaN.
    np.testing.assert_allclose(model(images)[1:], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((12, 10), r"images.shape=\(12, 10\)"),
        ((4, 12, 10), r"images.shape=\(4, 12, 10\)"),
        ((4, 12, 10, 3), r"=\(None, 12, 10, 1\).*\(4, 12, 10, 3\)"),
        ((4, 12, 9, 1), r"=\(None, 12, 10, 1\).*\(4, 12, 9, 1\)"),
        ((1, 4, 12, 10, 1), r"images.shape=\(1, 4, 12, 10, 1\)"),
    ],
)
def test_images_of_another_shape_are_an_error(model, shape, message):
    with pytest.raises(ValueError, match=message):
        model(np.zeros(shape, "float32"))


def test_a_label_out_of_range_is_an_error(model, photos):
    with pytest.raises(Exception, match="label value of 3.*outside"):
        model.fit(photos, np.array([0, 1, 3, 0]), verbose=0)


def test_a_file_keeps_it(model, photos, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(again, models.ImageClassifier)
    np.testing.assert_array_equal(again(photos), model(photos))
