import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models, training


class Pathwise(layers.ItemWiseHardAttention):
    """Learns by back-propagation alone: tells no `log_prob`."""

    def attend(self, *args, **kwargs):
        attended, attention = super().attend(*args, **kwargs)
        del attention["log_prob"]
        return attended, attention


def pathwise_model(**arguments):
    items = keras.Input((5, 4))
    read = keras.layers.Flatten()(Pathwise(units=4, name="look")(items))
    model = models.ReinforceModel(
        items, keras.layers.Dense(3)(read), **arguments
    )
    model.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    return model


def score_gradients(model, items, labels):
    look = model.get_layer("look")
    look.seed_generator.state.assign(np.array([3, 0], "uint32"))
    weights = [each.value for each in look.trainable_weights]
    with tf.GradientTape(persistent=True) as tape:
        with keras_attention.record_attention() as attention:
            scores = model(items, training=True)
        entropy = tf.reduce_mean(attention["look"]["entropy"])
        loss = model.compute_loss(items, labels, scores)
    return [
        np.concatenate([np.ravel(g) for g in tape.gradient(of, weights)])
        for of in (loss, entropy)
    ]


def test_the_bonus_adds_the_gradient_of_the_entropy(
    make_items_model, items, labels
):
    model = make_items_model()
    without, entropy = score_gradients(model, items, labels)
    model.entropy_bonus.assign(0.3)
    with_it, _ = score_gradients(model, items, labels)
    np.testing.assert_allclose(with_it, without - 0.3 * entropy, atol=1e-6)
    assert np.abs(entropy).max() > 1e-3


def test_of_a_layer_without_log_prob_the_entropy_alone_is_trained(
    items, labels
):
    model = pathwise_model(entropy_bonus=0.5)
    found, entropy = score_gradients(model, items, labels)
    np.testing.assert_allclose(found, -0.5 * entropy, atol=1e-6)
    assert model.baseline.trainable_weights == []
    history = model.fit(items, labels, verbose=0).history
    assert history["policy_entropy"][0] > 0


def test_with_nothing_to_reward_and_no_bonus_fit_is_an_error(items, labels):
    message = r"nothing that learns from a reward.*`keras.Model`.*\['look'\]"
    with pytest.raises(ValueError, match=message):
        pathwise_model().fit(items, labels, verbose=0)


def test_a_layer_without_log_prob_learns_from_known_places(items, labels):
    model = pathwise_model(supervision=1.0)
    before = model.get_layer("look").get_weights()
    model.fit(items, (labels, np.full(8, 2)), verbose=0)
    after = model.get_layer("look").get_weights()
    assert any(np.any(a != b) for a, b in zip(before, after, strict=True))


def test_the_schedule_goes_in_equal_steps(make_items_model, items, labels):
    model, seen = make_items_model(entropy_bonus=0.5), []
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(
            float(model.entropy_bonus.numpy())
        )
    )
    schedule = training.EntropySchedule(0.3, 0.1, epochs=3)
    model.fit(items, labels, epochs=5, verbose=0, callbacks=[schedule, note])
    np.testing.assert_allclose(seen, [0.3, 0.2, 0.1, 0.1, 0.1], rtol=1e-6)


def test_a_schedule_reaches_a_model_without_rewards(items, labels):
    schedule = training.EntropySchedule(0.3, 0.1, epochs=2)
    model = pathwise_model()
    model.fit(items, labels, verbose=0, callbacks=[schedule])


def test_a_schedule_needs_a_model_with_a_bonus(items):
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", "mse", run_eagerly=True)
    schedule = training.EntropySchedule(0.3, 0.1, epochs=2)
    with pytest.raises(ValueError, match="`ReinforceModel`. Received: model="):
        model.fit(items, np.zeros((8, 3)), verbose=0, callbacks=[schedule])


def test_a_file_keeps_the_bonus_as_it_is_now(make_items_model, items, tmp_path):
    model = make_items_model(
        entropy_bonus=0.5, num_samples=2, baseline="leave_one_out"
    )
    model.entropy_bonus.assign(0.25)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert float(again.entropy_bonus.numpy()) == 0.25
    assert again.num_samples == 2
    assert type(again.baseline) is type(model.baseline)
    np.testing.assert_array_equal(again(items), model(items))
