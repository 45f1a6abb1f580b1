import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models, rewards


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def compiled(model, **arguments):
    model.compile("sgd", crossentropy(), **arguments)
    return model


def cell_of(model):
    return model.get_layer("look").cell


def test_fit_evaluate_and_predict(make_model, images, labels):
    model = make_model(
        "adam",
        compile_with={"metrics": ["accuracy"]},
        sensor=layers.GlimpseSensor(4),
    )
    before = [weight.numpy() for weight in model.trainable_weights]
    history = model.fit(
        images, labels, validation_data=(images, labels), epochs=2, verbose=0
    ).history
    names = {"loss", "accuracy", "reward", "baseline_error"}
    names |= {"policy_entropy", "location_stddev"}
    assert set(history) == names | {f"val_{name}" for name in names}
    assert all(np.isfinite(values).all() for values in history.values())
    changed = [
        np.any(weight.numpy() != old)
        for weight, old in zip(model.trainable_weights, before, strict=True)
    ]
    assert all(changed)
    assert (
        set(model.evaluate(images, labels, verbose=0, return_dict=True))
        == names
    )
    scores = model.predict(images, verbose=0)
    np.testing.assert_allclose(scores, model(images), atol=1e-6)


def test_fit_makes_the_reward_greater():
    """The class is in the top left corner of every image."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 256)
    images = np.zeros((256, 12, 12, 1), "float32")
    images[:, :4, :4] = (2.0 * labels - 1)[:, None, None, None]
    inputs = keras.Input((12, 12, 1))
    cell = layers.GlimpseCell(
        layers.GlimpseSensor(4, interpolation="nearest"),
        core=keras.layers.SimpleRNNCell(16, "relu"),
        glimpse_network=layers.GlimpseNetwork(16, 16, 16),
        location_policy=layers.GaussianLocationPolicy(0.4),
    )
    state = layers.RecurrentAttention(cell, 2)(inputs)
    model = models.ReinforceModel(inputs, keras.layers.Dense(2)(state))
    model.compile(keras.optimizers.Adam(0.01), crossentropy())
    before = model.evaluate(images, labels, verbose=0, return_dict=True)
    model.fit(images, labels, batch_size=64, epochs=25, verbose=0)
    after = model.evaluate(images, labels, verbose=0, return_dict=True)
    assert before["reward"] < 0.8
    assert after["reward"] > 0.95


def test_evaluation_is_deterministic(make_model, images, labels):
    model = make_model()
    figures = [model.evaluate(images, labels, verbose=0) for _ in range(2)]
    assert figures[0] == figures[1]
    np.testing.assert_array_equal(
        model.predict(images, verbose=0), model.predict(images, verbose=0)
    )


def test_one_image_three_channels_not_square_seven_classes():
    inputs = keras.Input((9, 14, 3))
    cell = layers.GlimpseCell(layers.GlimpseSensor(4, 2))
    state = layers.RecurrentAttention(cell, num_glimpses=2)(inputs)
    model = models.ReinforceModel(inputs, keras.layers.Dense(7)(state))
    compiled(model)
    for batch in (1, 5):
        images = np.zeros((batch, 9, 14, 3), "float32")
        model.fit(images, np.full(batch, 6), verbose=0)
        assert model.predict(images, verbose=0).shape == (batch, 7)


def number_of_operations(model, batch):
    def step(images, labels):
        scores = model(images, training=True)
        return model.compute_loss(images, labels, scores)

    graph = (
        tf.function(step)
        .get_concrete_function(
            tf.TensorSpec((batch, 9, 8, 1)), tf.TensorSpec((batch,), "int32")
        )
        .graph
    )
    return len(graph.get_operations())


def test_no_loop_over_the_batch(make_model):
    model = make_model(sensor=layers.GlimpseSensor(4))
    assert number_of_operations(model, 2) == number_of_operations(model, 64)


@pytest.mark.parametrize(
    "compile_with",
    [{"steps_per_execution": 2}, {"jit_compile": True}, {"run_eagerly": True}],
    ids=lambda arguments: next(iter(arguments)),
)
def test_every_way_to_run_trains_the_same(
    make_model, images, labels, compile_with
):
    def weights_after_fit(compile_with):
        keras.utils.set_random_seed(2)
        model = make_model(
            compile_with=compile_with, sensor=layers.GlimpseSensor(4)
        )
        # Not sampled: XLA's random numbers are others.
        with keras_attention.policy(location=[0.3, -0.2]):
            model.fit(images, labels, batch_size=4, shuffle=False, verbose=0)
        return model.get_weights()

    for one, other in zip(
        weights_after_fit(compile_with),
        weights_after_fit({"jit_compile": False}),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_every_part(make_model, images, labels, policy):
    keras.config.set_dtype_policy(policy)
    model = make_model(
        keras.optimizers.SGD(0.1), sensor=layers.GlimpseSensor(4)
    )
    assert cell_of(model).core.compute_dtype == policy.removeprefix("mixed_")
    before = [weight.numpy() for weight in model.trainable_weights]
    history = model.fit(images, labels, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert weight.dtype == "float32"
        assert np.isfinite(weight.numpy()).all()
        assert np.any(weight.numpy() != old), weight.path


def test_a_scope_reaches_a_model_that_is_traced_already(
    make_model, images, labels
):
    model = make_model()

    def predict():
        return model.predict(images, verbose=0)

    def evaluate():
        return model.evaluate(images, labels, verbose=0)

    mode, mode_figures = predict(), evaluate()
    for location in ([0.9, 0.9], [-0.9, 0.9]):
        with keras_attention.policy(location=location):
            expected = model(images)
            np.testing.assert_allclose(predict(), expected, atol=1e-6)
            loss = crossentropy()(labels, expected)
            np.testing.assert_allclose(evaluate()[0], loss, rtol=1e-5)
        assert np.any(np.abs(expected - mode) > 1e-4)
    with keras_attention.policy("sample"):
        assert np.any(predict() != predict())
    np.testing.assert_array_equal(predict(), mode)
    assert evaluate() == mode_figures


def test_a_scope_reaches_fit_that_is_traced_already(make_model, images, labels):
    model = make_model(keras.optimizers.SGD(0.0))

    def reported_loss():
        history = model.fit(images, labels, verbose=0, shuffle=False)
        return history.history["loss"][0]

    first = reported_loss()
    with keras_attention.policy("center"):
        expected = crossentropy()(labels, model(images))
        np.testing.assert_allclose(reported_loss(), expected, rtol=1e-5)
    assert first != reported_loss()  # it samples again


def test_without_hard_attention_fit_is_an_error(images, labels):
    inputs = keras.Input((9, 8, 1))
    scores = keras.layers.Dense(3)(keras.layers.Flatten()(inputs))
    model = compiled(models.ReinforceModel(inputs, scores))
    with pytest.raises(ValueError, match="found nothing that learns"):
        model.fit(images, labels, verbose=0)


def test_callbacks_run(make_model, images, labels, tmp_path):
    model = make_model()
    file = tmp_path / "best.keras"
    model.fit(
        images,
        labels,
        validation_data=(images, labels),
        epochs=2,
        verbose=0,
        callbacks=[
            keras.callbacks.ModelCheckpoint(
                file, monitor="val_reward", mode="max", save_best_only=True
            ),
            keras.callbacks.EarlyStopping("val_baseline_error", mode="min"),
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        ],
    )
    assert keras.models.load_model(file)(images).shape == (8, 3)
    columns = (tmp_path / "log.csv").read_text().splitlines()[0].split(",")
    assert {"reward", "baseline_error", "val_reward"} <= set(columns)


def test_fit_reports_the_compiled_loss(make_model, images, labels):
    model = make_model(keras.optimizers.SGD(0.0))
    with keras_attention.policy("mode"):
        history = model.fit(images, labels, verbose=0).history
    loss = crossentropy()(labels, model(images))
    np.testing.assert_allclose(history["loss"], [loss], rtol=1e-5)


def test_two_attention_layers_have_a_baseline_each(make_look, labels):
    inputs = keras.Input((9, 8, 1))
    one, other = (make_look(name=name)(inputs) for name in ("one", "other"))
    scores = keras.layers.Dense(3)(keras.layers.Add()([one, other]))
    model = compiled(models.ReinforceModel(inputs, scores))
    assert set(model.baseline.heads) == {"one", "other"}
    model.fit(np.zeros((8, 9, 8, 1), "float32"), labels, verbose=0)


def test_a_model_of_named_outputs_trains(make_look, images, labels):
    inputs = keras.Input((9, 8, 1))
    scores = keras.layers.Dense(3, name="scores")(make_look()(inputs))
    model = models.ReinforceModel(
        inputs,
        {"scores": scores},
        reward=lambda y_true, y_pred: rewards.log_likelihood(
            y_true["scores"], y_pred["scores"]
        ),
    )
    model.compile("sgd", {"scores": crossentropy()})
    model.fit(images, {"scores": labels}, verbose=0)


class Wordless(models.ReinforceModel):
    """A model whose `call` does not take `training`."""

    def __init__(self, look, **kwargs):
        super().__init__(**kwargs)
        self.look = look
        self.drop = keras.layers.Dropout(0.5)
        self.classify = keras.layers.Dense(3)

    def call(self, images):
        return self.classify(self.drop(self.look(images)))


@pytest.mark.parametrize("num_samples", [1, 2])
def test_a_call_without_training_samples_in_fit(
    make_look, images, labels, num_samples
):
    model = compiled(Wordless(make_look(), num_samples=num_samples))
    history = model.fit(
        images, labels, validation_data=(images, labels), verbose=0
    ).history
    assert 0.05 < history["location_stddev"][0] < 0.5
    assert history["val_location_stddev"] == [0]
    trained, other = (model(images, training=True) for _ in range(2))
    assert trained.shape == (8 * num_samples, 3)
    assert np.any(trained != other)
    assert model.predict(images, verbose=0).shape == (8, 3)
