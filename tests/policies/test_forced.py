import keras
import numpy as np
import pytest

from keras_attention import layers
from keras_attention.policies.forced import force, instead_of

ITEMS = np.arange(12, dtype="float32").reshape(2, 3, 2)


def test_soft_attention_takes_the_weights_that_are_forced():
    weights = np.array([[0, 0, 1], [0.5, 0.5, 0]], "float32")
    look = layers.ItemWiseSoftAttention()
    before = look(ITEMS).numpy()
    with force(attention_weights=weights):
        context, attention = look(ITEMS, return_attention=True)
    np.testing.assert_array_equal(context, [[4, 5], [7, 8]])
    np.testing.assert_array_equal(attention["attention_weights"], weights)
    np.testing.assert_array_equal(look(ITEMS), before)


def test_a_loop_takes_them_at_every_step():
    weights = np.full((2, 3), 1 / 3, "float32")
    cell = layers.AttentionCell(
        layers.ItemWiseSoftAttention(), keras.layers.GRUCell(2)
    )
    loop = layers.RecurrentAttention(cell, num_glimpses=4)
    with force(attention_weights=weights):
        _, attention = loop(ITEMS, return_attention=True)
    np.testing.assert_array_equal(
        attention["attention_weights"], np.repeat(weights[:, None], 4, axis=1)
    )


@pytest.mark.parametrize("num_crops", [1, 2])
def test_a_transformer_takes_the_theta_that_is_forced(num_crops):
    where = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    crop = layers.SpatialTransformer(where, (2, 2), num_transforms=num_crops)
    images = np.random.default_rng(0).uniform(size=(3, 4, 4, 1))
    # The corner pixels of the image, from the right to the left.
    theta = np.tile([[-1.0, 0, 0], [0, 1, 0]], (3, num_crops, 1, 1))
    with force(theta=theta):
        crops = crop(images.astype("float32")).numpy()
    corners = images[:, ::3, ::-3].astype("float32")
    for one in crops.reshape(3, num_crops, 2, 2, 1).swapaxes(0, 1):
        np.testing.assert_allclose(one, corners, rtol=1e-5)


def test_the_innermost_scope_holds_and_ends():
    inner, outer = np.ones((1, 2), "float32"), np.zeros((1, 2), "float32")
    value = np.full((1, 2), 0.5, "float32")
    value = keras.ops.convert_to_tensor(value)
    with force(attention_weights=outer):
        with force(attention_weights=inner):
            found = instead_of("attention_weights", value)
            np.testing.assert_array_equal(found, inner)
        found = instead_of("attention_weights", value)
        np.testing.assert_array_equal(found, outer)
        assert instead_of("theta", value) is value
    assert instead_of("attention_weights", value) is value


def test_another_shape_is_refused():
    look = layers.ItemWiseSoftAttention()
    with (
        force(attention_weights=np.ones((2, 4))),
        pytest.raises(ValueError, match=r"\(2, 3\). Received: .*\(2, 4\)"),
    ):
        look(ITEMS)
