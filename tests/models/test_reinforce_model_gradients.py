import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def cell_of(model):
    return model.get_layer("look").cell


def certainty(y_true, y_pred):
    return tf.reduce_max(tf.nn.softmax(y_pred), axis=-1)


def parts_of(model):
    cell = model.get_layer("look").cell
    return {
        "location_network": cell.location_network,
        "glimpse_network": cell.glimpse_network,
        "core": cell.core,
        "classifier": model.get_layer("classifier"),
        "baseline": model.baseline,
    }


def gradients(model, images, labels, sample_weight=None):
    """Of the training loss: for each part of the model, a flat array."""
    seed_generator(model).state.assign(np.array([3, 0], "uint32"))
    variables = {
        name: [weight.value for weight in part.trainable_weights]
        for name, part in parts_of(model).items()
    }
    with tf.GradientTape() as tape:
        scores = model(images, training=True)
        loss = model.compute_loss(
            x=images, y=labels, y_pred=scores, sample_weight=sample_weight
        )
    found = tape.gradient(loss, variables)
    return {name: flat(gradient) for name, gradient in found.items()}


def flat(arrays):
    return np.concatenate([np.ravel(array) for array in arrays])


def seed_generator(model):
    return cell_of(model).location_policy.seed_generator


def test_the_sampled_location_is_held_constant(make_model, images, labels):
    model = make_model(sensor=layers.GlimpseSensor(4))
    network = cell_of(model).location_network
    with tf.GradientTape() as tape:
        scores = model(images, training=True)
        loss = crossentropy()(labels, scores)
    assert tape.gradient(loss, network.kernel.value) is None


def test_the_policy_gradient_reaches_the_location_network(
    make_model, images, labels
):
    model = make_model()
    found = gradients(model, images, labels)
    assert all(np.any(gradient != 0) for gradient in found.values())
    kernel = found["location_network"][:-2]
    assert np.any(kernel != 0)


def test_the_location_network_learns_from_the_reward_alone(
    make_model, images, labels
):
    # A baseline that is right leaves nothing to learn from.
    model = make_model(
        reward=lambda y_true, y_pred: tf.fill(tf.shape(y_pred)[:1], 0.25)
    )
    head = model.baseline.heads["look"]
    head.kernel.assign(tf.zeros_like(head.kernel))
    head.bias.assign([0.25])
    found = gradients(model, images, labels)
    for name in ("location_network", "baseline"):
        np.testing.assert_allclose(found[name], 0 * found[name], atol=1e-7)
    for name in ("classifier", "core", "glimpse_network"):
        assert np.any(found[name] != 0)


def test_the_reward_gives_no_gradient_to_the_core(make_model, images, labels):
    """Neither the location network nor the baseline pulls at the core."""

    def gradients_with(reward):
        keras.utils.set_random_seed(1)
        return gradients(make_model(reward=reward), images, labels)

    one = gradients_with(certainty)
    other = gradients_with(lambda y_true, y_pred: 5 - certainty(None, y_pred))
    different = {name for name in one if np.any(one[name] != other[name])}
    assert different == {"location_network", "baseline"}


def test_the_log_probability_is_of_the_unclipped_sample(make_model, images):
    model = make_model()
    policy = cell_of(model).location_policy
    policy.stddev.assign(3.0)  # nearly all samples are clipped
    with keras_attention.record_attention() as attention:
        model(images, training=True)
    looked = attention["look"]
    z = (looked["location"] - looked["location_mean"]) / 3.0
    of_clipped = -0.5 * tf.reduce_sum(z**2, axis=-1) - 2 * np.log(
        3.0 * np.sqrt(2 * np.pi)
    )
    clipped = np.any(np.abs(looked["location"]) == 1.0, axis=-1)
    assert clipped.sum() > 8
    assert np.all(looked["log_prob"][clipped] < of_clipped[clipped])


def test_every_sampled_location_is_used(make_model, images):
    model = make_model(num_glimpses=3, sensor=layers.GlimpseSensor(4))
    path = np.zeros((8, 3, 2), "float32")
    with keras_attention.policy(location=path):
        before = model(images)
    for step in range(3):
        other = path.copy()
        other[:, step] = 0.4
        with keras_attention.policy(location=other):
            assert np.all(np.any(model(images) != before, axis=-1))
    with keras_attention.record_attention() as attention:
        model(images, training=True)
    assert attention["look"]["log_prob"].shape == (8, 3)


def test_gradients_are_those_of_the_paper(make_model, images, labels):
    model = make_model()
    found = gradients(model, images, labels)
    seed_generator(model).state.assign(np.array([3, 0], "uint32"))
    with tf.GradientTape(persistent=True) as tape:
        with keras_attention.record_attention() as attention:
            scores = model(images, training=True)
        looked = attention["look"]
        reward = np.argmax(scores, axis=-1) == labels
        head = model.baseline.heads["look"]
        baseline = tf.stop_gradient(looked["query"]) @ head.kernel + head.bias
        loss = crossentropy()(labels, scores)
        for b in range(8):
            for t in range(2):
                delta = float(reward[b]) - baseline[b, t, 0]
                loss -= looked["log_prob"][b, t] * tf.stop_gradient(delta) / 8
                loss += delta**2 / (8 * 2)
    for name, part in parts_of(model).items():
        variables = [weight.value for weight in part.trainable_weights]
        expected = flat(tape.gradient(loss, variables))
        np.testing.assert_allclose(found[name], expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_sample_weights_weigh_all_three_terms(
    make_model, images, labels, shape
):
    model = make_model()
    weights = np.array([1.0, 0.0], "float32").reshape(shape)
    seed_generator(model).state.assign(np.array([3, 0], "uint32"))
    cell = model.get_layer("look").cell
    noise = cell.choices(images[:2], 2, training=True)["noise"]
    with keras_attention.policy(location=0.3 * noise):
        both = gradients(model, images[:2], labels[:2], weights)
    with keras_attention.policy(location=0.3 * noise[:1]):
        alone = gradients(model, images[:1], labels[:1])
    for name, gradient in alone.items():
        np.testing.assert_allclose(both[name], gradient / 2, atol=1e-6)
        assert np.any(gradient != 0)


def test_class_weights_are_sample_weights(make_model, images, labels):
    def weights_after_fit(**arguments):
        keras.utils.set_random_seed(2)
        model = make_model(compile_with={"run_eagerly": True})
        model.fit(images, labels, verbose=0, shuffle=False, **arguments)
        return model.get_weights()

    class_weight = {0: 2.0, 1: 0.0, 2: 0.5}
    by_class = weights_after_fit(class_weight=class_weight)
    by_sample = weights_after_fit(
        sample_weight=np.array([class_weight[label] for label in labels])
    )
    unweighted = weights_after_fit()
    for one, other in zip(by_class, by_sample, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert any(
        np.any(np.abs(one - other) > 1e-4)
        for one, other in zip(by_class, unweighted, strict=True)
    )


def items_model(query_gradient):
    """An encoder, two choices of one item, a state that asks."""
    inputs = keras.Input((5, 4))
    encoded = keras.layers.Dense(4, name="encoder")(inputs)
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(units=4),
        keras.layers.GRUCell(6),
        query_gradient=query_gradient,
    )
    state = layers.RecurrentAttention(cell, 2, name="look")(encoded)
    scores = keras.layers.Dense(3, name="classifier")(state)
    model = models.ReinforceModel(inputs, scores, baseline="none")
    model.compile("sgd", crossentropy())
    return model


@pytest.mark.parametrize("query_gradient", [True, False])
def test_of_items_each_part_learns_what_it_was_asked_to(
    items, labels, query_gradient
):
    model = items_model(query_gradient)
    cell = cell_of(model)
    parts = {
        "policy": cell.mechanism.score.trainable_weights,
        "core": cell.cell.trainable_weights,
        "encoder": model.get_layer("encoder").trainable_weights,
        "classifier": model.get_layer("classifier").trainable_weights,
    }
    variables = {
        name: [weight.value for weight in weights]
        for name, weights in parts.items()
    }
    with tf.GradientTape(persistent=True) as tape:
        scores = model(items, training=True)
        compiled_loss = crossentropy()(labels, scores)
        loss = model.compute_loss(items, labels, scores)
        policy_term = loss - compiled_loss
    compiled_parts = moved(tape.gradient(compiled_loss, variables))
    policy_parts = moved(tape.gradient(policy_term, variables))
    # Nothing passes through the sample.
    assert compiled_parts == {"core", "encoder", "classifier"}
    # The encoder gives the keys that the choice is made by.
    asked = {"core"} if query_gradient else set()
    assert policy_parts == {"policy", "encoder", *asked}


def moved(gradients):
    """The parts with a gradient that is not 0 but for rounding."""
    return {
        name
        for name, each in gradients.items()
        if any(g is not None and np.abs(g).max() > 1e-6 for g in each)
    }
