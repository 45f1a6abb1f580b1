import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention


@pytest.mark.parametrize("where", ["mode", "given"])
def test_two_replicas_train_as_one(
    make_model, images, labels, where, two_replicas
):
    def scope():
        if where == "mode":
            return keras_attention.policy("mode")
        return keras_attention.policy(location=[0.3, -0.2])

    def weights_after_fit(strategy):
        keras.utils.set_random_seed(2)
        with strategy.scope():
            model = make_model(keras.optimizers.SGD(0.5))
        with scope():
            history = model.fit(images, labels, verbose=0, shuffle=False)
        return model.get_weights(), history.history

    one, figures = weights_after_fit(tf.distribute.get_strategy())
    two, mirrored = weights_after_fit(two_replicas)
    for weight, twin in zip(one, two, strict=True):
        np.testing.assert_allclose(weight, twin, atol=1e-5)
    for name in figures:
        np.testing.assert_allclose(figures[name], mirrored[name], rtol=1e-4)


def test_two_replicas_sample(make_model, images, labels, two_replicas):
    with two_replicas.scope():
        model = make_model()
    history = model.fit(images, labels, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.parametrize("supervision", [0.0, 0.1])
def test_a_replica_may_be_left_without_examples(
    make_model, images, labels, two_replicas, supervision
):
    with two_replicas.scope():
        model = make_model(supervision=supervision)
    targets = labels[:5]
    if supervision:
        targets = (targets, np.zeros((5, 2), "float32"))
    history = model.fit(
        images[:5], targets, batch_size=4, shuffle=False, verbose=0
    ).history
    assert np.isfinite(list(history.values())).all()


# One with weights, and one with averages that each replica has of its own.
@pytest.mark.parametrize("baseline", ["learned", "moving_average"])
def test_several_rollouts_with_every_baseline(
    make_items_model, items, labels, baseline, two_replicas, tmp_path
):
    with two_replicas.scope():
        model = make_items_model(baseline=baseline, num_samples=3)
    history = model.fit(items, labels, epochs=2, verbose=0).history
    assert np.isfinite(list(history.values())).all()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for weight, twin in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(weight, twin)


def test_replicas_and_rollouts_sample_each_for_itself(
    make_items_model, two_replicas
):
    """The same example everywhere: only the noise tells rollouts apart."""
    with two_replicas.scope():
        model = make_items_model(num_samples=16)
    items = tf.constant(np.random.default_rng(0).random((1, 5, 4)), "float32")

    @tf.function
    def choose():
        with keras_attention.record_attention() as attention:
            model(items, training=True)
        return attention["look"]["indices"]

    chosen = [
        each.numpy().ravel().tolist()
        for each in two_replicas.experimental_local_results(
            two_replicas.run(choose)
        )
    ]
    assert len(chosen) == 2
    assert chosen[0] != chosen[1]
    assert all(len(set(each)) > 1 for each in chosen)


def test_the_supervised_loss_of_two_replicas_is_that_of_one(
    make_model, images, labels, two_replicas
):
    places = np.full((len(images), 2), 0.5, "float32")

    def shown(strategy):
        keras.utils.set_random_seed(2)
        with strategy.scope():
            model = make_model(supervision=0.1)
            loss = keras.losses.SparseCategoricalCrossentropy(True)
            model.compile(loss=[loss])
        targets = (labels, places)
        return model.evaluate(images, targets, verbose=0, return_dict=True)

    one, two = shown(tf.distribute.get_strategy()), shown(two_replicas)
    np.testing.assert_allclose(
        one["supervised_loss"], two["supervised_loss"], rtol=1e-4
    )


def test_the_exact_sum_is_of_one_replica(make_items_model, two_replicas):
    message = "on one replica.*Received: num_replicas_in_sync=2"
    with two_replicas.scope(), pytest.raises(ValueError, match=message):
        make_items_model(estimator="exact")
