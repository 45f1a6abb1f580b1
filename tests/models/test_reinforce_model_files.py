import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import layers, models
from keras_attention.models.baseline import NAMES


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def compiled(model, **arguments):
    model.compile("sgd", crossentropy(), **arguments)
    return model


def small_cell(units):
    return layers.GlimpseCell(
        layers.GlimpseSensor(4, interpolation="nearest"),
        keras.layers.GRUCell(units),
        layers.GlimpseNetwork(5, 6, 7),
    )


@keras.saving.register_keras_serializable("tests")
class Reader(models.ReinforceModel):
    """A subclassed model, with a configuration of its own."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.read, self.check = (
            layers.RecurrentAttention(small_cell(units), num_glimpses=1)
            for units in (units, 5)
        )
        self.classify = keras.layers.Dense(3)

    def call(self, images):
        both = keras.ops.concatenate([self.read(images), self.check(images)], 1)
        return self.classify(both)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("tests")
def certainty(y_true, y_pred):
    return tf.reduce_max(tf.nn.softmax(y_pred), axis=-1)


def test_a_file_keeps_a_functional_model(make_model, images, labels, tmp_path):
    model = make_model("adam", reward=certainty)
    model.fit(images, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(again, models.ReinforceModel)
    assert again.reward is certainty
    np.testing.assert_array_equal(again(images), model(images))
    # All goes on as it would have: weights, optimizer, random numbers.
    one, other = (
        each.fit(images, labels, verbose=0, shuffle=False).history
        for each in (model, again)
    )
    assert one == other
    for weight, twin in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(weight, twin)


def test_a_file_keeps_a_subclassed_model(images, labels, tmp_path):
    model = compiled(Reader(8))
    model.fit(images, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(images), model(images))
    # Its layers have other names now, and the baseline finds them.
    assert again.read.name != model.read.name
    for weight, twin in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(weight, twin)
    again.fit(images, labels, verbose=0)


def test_its_config_is_left_as_it_is(make_model):
    config = make_model(reward=certainty).get_config()
    before = repr(config)
    models.ReinforceModel.from_config(config)
    assert repr(config) == before


def test_a_baseline_of_the_users_own(make_model, images, labels, tmp_path):
    model = make_model(baseline=models.LearnedBaseline(name="mine"))
    model.fit(images, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.baseline.name == "mine"
    np.testing.assert_array_equal(
        again.baseline.weights[0], model.baseline.weights[0]
    )


def test_its_config_copies_it(make_model, images):
    model = make_model(reward=certainty)
    copy = models.ReinforceModel.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    assert copy.reward is certainty
    np.testing.assert_array_equal(copy(images), model(images))


def test_clone_model_copies_it(make_model, images):
    model = make_model()
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert isinstance(clone, models.ReinforceModel)
    np.testing.assert_array_equal(clone(images), model(images))


def test_functional_models_leave_subclasses_as_they_are(make_model, images):
    before = Reader(8)
    before(images)
    make_model()
    after = Reader(8)
    assert before(images).shape == after(images).shape == (8, 3)
    assert after(keras.Input((9, 8, 1))).shape == (None, 3)


class Small(models.ReinforceModel):
    """Made of inputs and outputs that it makes itself."""

    def __init__(self, units):
        images = keras.Input((9, 8, 1))
        cell = layers.GlimpseCell(4, core=keras.layers.SimpleRNNCell(units))
        state = layers.RecurrentAttention(cell, 1)(images)
        super().__init__(images, keras.layers.Dense(3)(state))


def test_subclasses_of_both_kinds_live_side_by_side(images):
    bases = models.ReinforceModel.__bases__
    for _ in range(2):
        assert Small(4)(images).shape == (8, 3)
        assert Reader(8)(images).shape == (8, 3)
    assert models.ReinforceModel.__bases__ == bases


@keras.saving.register_keras_serializable("test")
class Summed(models.ReinforceModel):
    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "estimator": "exact"})
        self.look = layers.ItemWiseHardAttention(units=4)
        self.head = keras.layers.Dense(3)

    def call(self, items):
        return self.head(self.look(items)[:, 0])


def test_a_model_of_a_file_sums_exactly_still(items, tmp_path):
    model = Summed()
    assert model(items, training=True).shape == (8 * 5, 3)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again(items, training=True).shape == (8 * 5, 3)


def test_a_mean_of_others_is_no_baseline_of_the_exact_sum():
    baseline = NAMES["batch_mean"]()
    with pytest.raises(ValueError, match="nothing is sampled"):
        models.ReinforceModel(estimator="exact", baseline=baseline)
