import keras
import numpy as np
import pytest

from keras_attention import models
from keras_attention.training import Canvas, fixed_set, load_digits


def test_at_first_the_crop_is_the_whole_image():
    model = models.st_cnn((16, 16, 1), crop_shape=(16, 16))
    images = load_digits("digits")["test"].images[:3, ..., None]
    crops = model.get_layer("transformer")(images)
    np.testing.assert_allclose(crops, images / 255, atol=1e-4)


@pytest.mark.parametrize(
    ("transform", "theta"),
    [
        ("affine", (2, 3)),
        ("projective", (3, 3)),
        ("thin_plate_spline", (16, 2)),
    ],
)
def test_every_transform_reads_images(transform, theta):
    model = models.st_cnn((20, 20, 1), num_classes=3, transform=transform)
    images = np.zeros((2, 20, 20, 1), "uint8")
    assert model(images).shape == (2, 3)
    _, attention = model.get_layer("transformer")(images, return_attention=True)
    assert attention["theta"].shape == (2, *theta)


def test_parts_of_your_own_take_the_place_of_the_defaults():
    model = models.st_cnn(
        (12, 12, 1),
        crop_shape=(8, 8),
        localization=keras.layers.Flatten(),
        reader=keras.layers.Flatten(),
    )
    assert model.count_params() == 12 * 12 * 6 + 6 + 8 * 8 * 10 + 10


def test_several_crops_are_read_as_channels():
    model = models.st_cnn(
        (16, 16, 2),
        crop_shape=(8, 8),
        num_transforms=2,
        reader=keras.layers.Flatten(name="reader"),
    )
    images = load_digits("digits")["test"].images[:6].reshape(3, 2, 16, 16)
    images = images.transpose(0, 2, 3, 1).astype("float32") / 255
    crops = keras.ops.convert_to_numpy(model.get_layer("transformer")(images))
    read = keras.Model(model.input, model.get_layer("reader").output)(images)
    read = keras.ops.convert_to_numpy(read).reshape(3, 8, 8, 4)
    for number in range(2):
        found = read[..., 2 * number : 2 * number + 2]
        np.testing.assert_array_equal(found, crops[:, number])


def test_a_loaded_model_is_the_one_saved(tmp_path):
    model = models.st_cnn((16, 16, 1))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, models.ImageModel)
    images = load_digits("digits")["test"].images[:4, ..., None]
    np.testing.assert_allclose(loaded(images), model(images), atol=1e-6)


@pytest.mark.slow
def test_the_crop_learns_to_follow_the_digit():
    """On a canvas that is twice as wide as the digit."""
    digits = load_digits("digits")
    train, test = (
        fixed_set(digits[part], Canvas(32), 0) for part in ("train", "test")
    )
    model = models.st_cnn((32, 32, 1), crop_shape=(16, 16), bounds=(0.3, 1.0))
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(train.images, train.labels, batch_size=64, epochs=60, verbose=0)
    _, attention = model.get_layer("transformer")(
        test.images, return_attention=True
    )
    centres = (test.boxes[:, :2] + test.boxes[:, 2:]) / 2
    for axis in range(2):
        together = np.corrcoef(
            attention["location"][:, axis], centres[:, axis]
        )[0, 1]
        assert together > 0.5


@pytest.mark.parametrize(
    ("arguments", "dropout"), [({}, 0.1), ({"dropout": 0.4}, 0.4)]
)
def test_a_reader_is_as_it_is_told(arguments, dropout):
    reader = models.digit_reader(units=7, **arguments)
    assert reader(np.zeros((2, 12, 12, 1), "float32")).shape == (2, 7)
    dropped = [
        layer.rate
        for layer in reader.layers
        if isinstance(layer, keras.layers.Dropout)
    ]
    assert dropped == [dropout, dropout]


def test_a_transform_that_is_none_is_refused():
    with pytest.raises(ValueError, match="`transform` must be one of"):
        models.st_cnn(transform="shear")
