"""Every kind of attention, alone and in the loop, in both files.

A thousand real digits each: every answer of both files is that of Keras to
1e-4 (relative beyond 1), and every class is the same.
"""

import keras
import numpy as np
import pytest

from keras_attention import layers, models, training
from keras_attention.export import export_saved_model, runtimes, tflite
from keras_attention.export.inputs import checked_spec
from keras_attention.export.references import references

DIGITS = training.load_digits("digits")
IMAGES = np.concatenate([DIGITS[part].images for part in ("train", "test")])
IMAGES = IMAGES[:1000, ..., None].astype("float32") / 255  # (1000, 16, 16, 1)


def network(units):
    return keras.Sequential(
        [
            keras.layers.Flatten(),
            keras.layers.Dense(16, "tanh"),
            keras.layers.Dense(units),
        ]
    )


def items(images):
    """The image as 16 patches of 4x4, each seen by weights of its place.

    Blank patches seen alike would tie, and rounding choose between them.
    """
    patches = keras.layers.Reshape((4, 4, 4, 4))(images)
    patches = keras.layers.Permute((1, 3, 2, 4))(patches)
    patches = keras.layers.Reshape((16, 16))(patches)
    return keras.layers.EinsumDense(
        "bnp,npd->bnd", (16, 16), bias_axes="nd", activation="tanh"
    )(patches)


def feature_map(images):
    return keras.layers.Conv2D(8, 3, strides=2, activation="relu")(images)


def same(images):
    return images


MECHANISMS = {
    "items, soft": (items, lambda: layers.ItemWiseSoftAttention()),
    "items, hard, zero": (
        items,
        lambda: layers.ItemWiseHardAttention(4, output="zero"),
    ),
    "items, hard, gather": (
        items,
        lambda: layers.ItemWiseHardAttention(4, output="gather"),
    ),
    "places, soft": (
        feature_map,
        lambda: layers.LocationWiseSoftAttention(),
    ),
    "places, soft, map": (
        feature_map,
        lambda: layers.LocationWiseSoftAttention(output="zero"),
    ),
    "places, hard": (
        same,
        lambda: layers.LocationWiseHardAttention(
            layers.GlimpseSensor(6, num_scales=2)
        ),
    ),
    "places, hard, of a grid": (
        same,
        lambda: layers.LocationWiseHardAttention(
            layers.GlimpseSensor(6),
            location_policy=layers.GridLocationPolicy(4, 4),
        ),
    ),
    "transformer": (
        same,
        lambda: layers.SpatialTransformer(network(16), output_shape=(8, 8)),
    ),
    "transformers, projective": (
        same,
        lambda: layers.SpatialTransformer(
            network(16),
            output_shape=(8, 8),
            transform="projective",
            num_transforms=2,
        ),
    ),
    "transformer, spline": (
        same,
        lambda: layers.SpatialTransformer(
            network(16), output_shape=(8, 8), transform="thin_plate_spline"
        ),
    ),
}


def alone(encoder, mechanism):
    images = keras.Input((16, 16, 1), name="image")
    inputs = encoder(images)
    query = keras.layers.Dense(8, "tanh")(keras.layers.Flatten()(images))
    seen = keras.layers.Flatten()(mechanism(inputs, query))
    return keras.Model(images, keras.layers.Dense(10)(seen))


def looped(encoder, mechanism):
    images = keras.Input((16, 16, 1), name="image")
    cell = layers.AttentionCell(mechanism, keras.layers.LSTMCell(24))
    state = layers.RecurrentAttention(cell, num_glimpses=3)(encoder(images))
    return keras.Model(images, keras.layers.Dense(10)(state))


def moved(model):
    """The model with other weights, and scores that tell images apart."""
    # What starts at zero, such as a transformer at the identity, is moved.
    generator = np.random.default_rng(0)
    model.set_weights(
        [w + generator.normal(0, 0.03, w.shape) for w in model.get_weights()]
    )
    *_, head = model.layers
    kernel, _ = head.get_weights()
    head.set_weights([kernel, np.zeros(10)])
    scores = model(IMAGES[:200]).numpy()
    spread = scores.std(axis=0).mean()
    head.set_weights([kernel / spread, -scores.mean(axis=0) / spread])
    return model


def check(model, directory):
    """Compares both files with Keras."""
    spec = checked_spec(model)
    expected = references(model, spec, IMAGES, num_others=20)
    export_saved_model(model, directory / "saved_model")
    file = directory / "model.tflite"
    file.write_bytes(tflite.convert(directory / "saved_model", "float32"))
    loaded = {
        "saved_model": runtimes.load_saved_model(directory / "saved_model"),
        "tflite": runtimes.load_tflite(file),
    }
    assert loaded["saved_model"].signatures.keys() == expected.keys()
    assert loaded["tflite"].signatures.keys() == expected.keys() - {
        "serve_bytes"
    }
    for name, runtime in loaded.items():
        for signature in runtime.signatures:
            reference = expected[signature]
            found = runtime.answer(signature, reference.inputs)
            assert found.keys() == reference.outputs.keys()
            for key, value in reference.outputs.items():
                np.testing.assert_allclose(
                    found[key], value, 1e-4, 1e-4, err_msg=f"{name} {key}"
                )
    return expected


@pytest.mark.parametrize("form", [alone, looped])
@pytest.mark.parametrize("kind", MECHANISMS)
def test_both_files_answer_as_keras_does(kind, form, tmp_path):
    encoder, make = MECHANISMS[kind]
    expected = check(moved(form(encoder, make())), tmp_path)
    assert ("sample" in expected) is ("hard" in kind)
    assert "explain" in expected
    classes = expected["serving_default"].outputs["class"]
    assert len(classes) == 1000
    assert len(set(classes)) > 1


def test_a_model_that_looks_until_it_is_sure(tmp_path):
    model = models.ram((16, 16, 1), num_glimpses=3, glimpse_size=6)
    expected = check(models.until_sure(model, 0.13), tmp_path)
    taken = expected["serving_default"].outputs["num_glimpses"]
    assert set(taken) == {1, 2, 3}
