import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models


@keras.saving.register_keras_serializable("tests")
class Reader(models.ReinforceModel):
    """A subclassed model, with a configuration of its own."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        cores = keras.layers.GRUCell(units), keras.layers.GRUCell(5)
        self.read, self.check = (
            layers.RecurrentAttention(layers.GlimpseCell(4, core), 2)
            for core in cores
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


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def compiled(model, **arguments):
    model.compile("sgd", crossentropy(), **arguments)
    return model


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


def cell_of(model):
    return model.get_layer("look").cell


def seed_generator(model):
    return cell_of(model).location_policy.seed_generator


def test_fit_evaluate_and_predict(make_model, images, labels):
    model = make_model("adam", compile_with={"metrics": ["accuracy"]})
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


def test_the_sampled_location_is_held_constant(make_model, images, labels):
    model = make_model()
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
    model = make_model(num_glimpses=3)
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


def test_evaluation_is_deterministic(make_model, images, labels):
    model = make_model()
    figures = [model.evaluate(images, labels, verbose=0) for _ in range(2)]
    assert figures[0] == figures[1]
    np.testing.assert_array_equal(
        model.predict(images, verbose=0), model.predict(images, verbose=0)
    )


@pytest.mark.parametrize("batch", [1, 5])
def test_one_image_three_channels_not_square_seven_classes(batch):
    inputs = keras.Input((9, 14, 3))
    cell = layers.GlimpseCell(layers.GlimpseSensor(4, 2))
    state = layers.RecurrentAttention(cell, num_glimpses=2)(inputs)
    model = models.ReinforceModel(inputs, keras.layers.Dense(7)(state))
    compiled(model)
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
    model = make_model()
    assert number_of_operations(model, 2) == number_of_operations(model, 64)


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
        model = make_model()
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
        model = make_model(compile_with=compile_with)
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
    model = make_model(keras.optimizers.SGD(0.1))
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
    with pytest.raises(ValueError, match="found no layer that samples"):
        model.fit(images, labels, verbose=0)


def test_a_reward_of_the_users_own(make_model, images, labels):
    model = make_model(reward=certainty)
    figures = model.evaluate(images, labels, verbose=0, return_dict=True)
    expected = np.mean(certainty(None, model(images)))
    np.testing.assert_allclose(figures["reward"], expected, rtol=1e-5)


def test_a_reward_that_is_not_one_for_each_example_is_an_error(
    make_model, images, labels
):
    model = make_model(reward=lambda y_true, y_pred: tf.reduce_mean(y_pred))
    with pytest.raises(ValueError, match=r"`reward`.*reward.shape=\(\)"):
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


def test_metrics_have_the_right_values(make_model, images, labels):
    model = make_model()
    with keras_attention.record_attention() as attention:
        scores = model(images)
    reward = (np.argmax(scores, axis=-1) == labels).astype("float32")
    baseline = model.baseline({"look": attention["look"]["query"]})["look"]
    error = np.mean((reward[:, None] - baseline) ** 2)
    loss = crossentropy()(labels, scores)
    figures = model.evaluate(images, labels, verbose=0, return_dict=True)
    np.testing.assert_allclose(figures["reward"], reward.mean(), rtol=1e-6)
    np.testing.assert_allclose(figures["baseline_error"], error, rtol=1e-5)
    np.testing.assert_allclose(figures["loss"], loss, rtol=1e-5)


def test_fit_reports_the_compiled_loss(make_model, images, labels):
    model = make_model(keras.optimizers.SGD(0.0))
    with keras_attention.policy("mode"):
        history = model.fit(images, labels, verbose=0).history
    loss = crossentropy()(labels, model(images))
    np.testing.assert_allclose(history["loss"], [loss], rtol=1e-5)


@pytest.mark.parametrize("where", ["mode", "given"])
def test_two_replicas_train_as_one(make_model, images, labels, where):
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
    two, mirrored = weights_after_fit(
        tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    )
    for weight, twin in zip(one, two, strict=True):
        np.testing.assert_allclose(weight, twin, atol=1e-5)
    for name in figures:
        np.testing.assert_allclose(figures[name], mirrored[name], rtol=1e-4)


def test_two_replicas_sample(make_model, images, labels):
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = make_model()
    history = model.fit(images, labels, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_two_attention_layers_have_a_baseline_each(labels):
    inputs = keras.Input((9, 8, 1))
    one, other = (
        layers.RecurrentAttention(layers.GlimpseCell(4), 2, name=name)(inputs)
        for name in ("one", "other")
    )
    scores = keras.layers.Dense(3)(keras.layers.Add()([one, other]))
    model = compiled(models.ReinforceModel(inputs, scores))
    assert set(model.baseline.heads) == {"one", "other"}
    model.fit(np.zeros((8, 9, 8, 1), "float32"), labels, verbose=0)


def test_a_model_of_named_outputs_trains(images, labels):
    inputs = keras.Input((9, 8, 1))
    cell = layers.GlimpseCell(4)
    state = layers.RecurrentAttention(cell, num_glimpses=2)(inputs)
    scores = keras.layers.Dense(3, name="scores")(state)
    model = models.ReinforceModel(
        inputs,
        {"scores": scores},
        reward=lambda y_true, y_pred: certainty(None, y_pred["scores"]),
    )
    model.compile("sgd", {"scores": crossentropy()})
    model.fit(images, {"scores": labels}, verbose=0)
