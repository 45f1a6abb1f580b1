"""What the model card says of the attention is enough to draw it."""

import json

import keras
import numpy as np
import pytest

from keras_attention import layers, training
from keras_attention.export.explain import described, explainer
from keras_attention.export.serving import serve

IMAGES = np.random.default_rng(0).random((3, 12, 10, 1)).astype("float32")


def glimpses():
    return layers.LocationWiseHardAttention(layers.GlimpseSensor(4, 2))


def crops():
    return layers.SpatialTransformer(
        keras.layers.Flatten(),
        (4, 4),
        num_transforms=2,
        bounds=(0.2, 2.0),
        transform="attention",
    )


def single_crop():
    return layers.SpatialTransformer(keras.layers.Flatten(), (4, 4))


def as_items(images):
    return keras.layers.Reshape((12, 10))(images)


def same(images):
    return images


KINDS = {
    "glimpses": (same, glimpses),
    "crops": (same, crops),
    "crop": (same, single_crop),
    "mask": (same, lambda: layers.LocationWiseSoftAttention()),
    "items": (as_items, lambda: layers.ItemWiseSoftAttention()),
    "chosen items": (as_items, lambda: layers.ItemWiseHardAttention(2)),
}


def alone(encode, mechanism):
    images = keras.Input((12, 10, 1), name="image")
    query = keras.layers.Dense(4)(keras.layers.Flatten()(images))
    seen = keras.layers.Flatten()(mechanism(encode(images), query))
    return keras.Model(images, keras.layers.Dense(3)(seen))


def looped(encode, mechanism):
    images = keras.Input((12, 10, 1), name="image")
    cell = layers.AttentionCell(mechanism, keras.layers.GRUCell(4))
    state = layers.RecurrentAttention(cell, num_glimpses=2)(encode(images))
    return keras.Model(images, keras.layers.Dense(3)(state))


def looked_of(model, answer=serve):
    about = json.loads(json.dumps(described(model, IMAGES[:1])))
    outputs = {name: one.numpy() for name, one in answer(IMAGES).items()}
    return training.looked_of(about, outputs, IMAGES.shape[1:3])


@pytest.mark.parametrize("form", [alone, looped])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_the_model_itself_looked_at(kind, form):
    encode, make = KINDS[kind]
    model = form(encode, make())
    found = looked_of(model, lambda images: serve(model, images))
    expected = training.look(model, IMAGES)
    assert (found.kind, found.layer) == (expected.kind, expected.layer)
    for name in found.attention:
        np.testing.assert_allclose(
            found.attention[name], expected.attention[name], atol=1e-5
        )
    for regions in {
        "glimpses": ("squares",),
        "mask": ("masks",),
        "items": (),
        "transformer": ("outlines",),
    }[found.kind]:
        np.testing.assert_allclose(
            getattr(found, regions)(),
            getattr(expected, regions)(),
            atol=1e-4,
        )
    np.testing.assert_allclose(
        keras.ops.softmax(found.scores),
        keras.ops.softmax(expected.scores),
        atol=1e-5,
    )


def test_explain_tells_the_probabilities_of_every_step():
    model = looped(same, glimpses())
    found = looked_of(model, explainer(model, IMAGES[:1]))
    stepwise, _ = training.looking.stepwise_model(model)
    expected = keras.ops.softmax(training.look(stepwise, IMAGES).scores)
    assert found.scores.shape == (3, 2, 3)
    np.testing.assert_allclose(
        keras.ops.softmax(found.scores), expected, atol=1e-5
    )


def test_of_several_layers_the_last_loop_is_told():
    images = keras.Input((12, 10, 1), name="image")
    seen = layers.LocationWiseSoftAttention(name="first", output="zero")(
        images, keras.layers.Flatten()(images)
    )
    cell = layers.AttentionCell(glimpses(), keras.layers.GRUCell(4))
    state = layers.RecurrentAttention(cell, 2, name="loop")(seen)
    model = keras.Model(images, keras.layers.Dense(3)(state))
    assert described(model, IMAGES[:1])["prefix"] == "loop_"
    found = looked_of(model, lambda images: serve(model, images))
    expected = training.look(model, IMAGES)
    np.testing.assert_allclose(found.squares(), expected.squares(), atol=1e-4)


def test_of_a_model_that_attends_to_nothing_nothing_is_told(classifier):
    assert described(classifier, np.zeros((1, 6, 6, 1), "float32")) is None
