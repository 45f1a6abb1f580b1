"""Compares the gradient estimators of hard attention: bias, variance, learning.

Run `python benchmarks/estimators.py`; it writes `docs/estimators.md` and
`docs/estimators.png`, and takes about 270 CPU-seconds. All is random by seed.
Two small problems, of the handwriting that scikit-learn ships:

- items: a digit is cut into 8 patches of 4x8 pixels; the model reads two of
  them. The exact gradient is the sum over the 64 outcomes.
- places: a digit lies somewhere on an image of twice its size; the model sees
  that image in 4x4 coarse pixels, and one glimpse, half as wide: the exact
  gradient is a numerical integral over all places of the glimpse.

Every estimator trains the same network for the same reward, the
log-probability of the true class. An estimate of the gradient is of 16
examples with 4 rollouts of each; a step of training is of 64 examples with 4
rollouts of each, but for the exact sum, which takes all 64.
"""

import argparse
import functools
import os
import pathlib
import time
import typing

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import estimators_page
import keras
import numpy as np
import tensorflow as tf

import keras_attention
from keras_attention import layers, models, rewards, training

NUM_ROLLOUTS = 4
NUM_EXAMPLES = 16  # of which the gradient is measured
STDDEV = 0.15
DOCS = pathlib.Path(__file__).parents[1] / "docs"


class Estimator(typing.NamedTuple):
    """One way to train a policy.

    Attributes:
        label: what it is called.
        biased: whether its gradient is another than that of the reward.
        layer: of the layer that chooses, `estimator`.
        model: arguments of `ReinforceModel`; None trains a `keras.Model`.
    """

    label: str
    biased: bool = False
    layer: str = "score_function"
    model: dict | None = None


def sampled(baseline):
    return {"baseline": baseline, "num_samples": NUM_ROLLOUTS}


SCORE_FUNCTION = [
    Estimator("no baseline", model=sampled("none")),
    Estimator("moving average", model=sampled("moving_average")),
    Estimator("batch mean", model=sampled("batch_mean")),
    Estimator("learned baseline", model=sampled("learned")),
    Estimator("leave one out", model=sampled("leave_one_out")),
]
ESTIMATORS = {
    "items": [
        *SCORE_FUNCTION,
        Estimator("exact sum", model={"estimator": "exact"}),
        Estimator("straight-through", True, "straight_through"),
        Estimator("relaxed", True, "relaxed"),
    ],
    "places": [*SCORE_FUNCTION, Estimator("pathwise", layer="pathwise")],
}


def load(problem):
    """Inputs and labels of the splits."""
    generator = np.random.default_rng(0)
    make = {"items": patches, "places": canvases}[problem]
    return {
        name: (make(split.images[..., None] / 255.0, generator), split.labels)
        for name, split in training.load_digits("digits").items()
    }


def patches(images, generator):
    """(B, 8, 34): 4x8 pixels each, and where they lie."""
    items = images.reshape(-1, 4, 4, 2, 8).swapaxes(2, 3).reshape(-1, 8, 32)
    places = np.meshgrid([-1, 1], np.linspace(-1, 1, 4))
    places = np.stack(places, axis=-1).reshape(1, 8, 2)
    places = np.repeat(places, len(images), axis=0)
    return np.concatenate([items, places], axis=-1).astype("float32")


def canvases(images, generator):
    """(B, 32, 32, 1): each digit somewhere."""
    canvas = np.zeros((len(images), 32, 32, 1), "float32")
    for empty, digit in zip(canvas, images, strict=True):
        row, column = generator.integers(0, 17, 2)
        empty[row : row + 16, column : column + 16] = digit
    return canvas


def look_at_items(inputs, estimator):
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(units=8, estimator=estimator),
        keras.layers.SimpleRNNCell(32, "relu"),
    )
    return layers.RecurrentAttention(cell, num_glimpses=2, name="look")(inputs)


def look_at_places(inputs, estimator):
    dense = keras.layers.Dense
    coarse = keras.Sequential(
        [
            keras.layers.AveragePooling2D(8),
            keras.layers.Flatten(),
            dense(48, "tanh"),
        ]
    )
    cell = layers.GlimpseCell(
        layers.GlimpseSensor(16),
        core=keras.layers.SimpleRNNCell(48, "relu"),
        glimpse_network=layers.GlimpseNetwork(48, 16, 48),
        location_network=keras.Sequential([dense(32, "relu"), dense(2)]),
        location_policy=layers.GaussianLocationPolicy(STDDEV),
        start=coarse,
        estimator=estimator,
    )
    return layers.RecurrentAttention(cell, num_glimpses=1, name="look")(inputs)


def make_model(problem, estimator):
    shape = {"items": (8, 34), "places": (32, 32, 1)}[problem]
    look = {"items": look_at_items, "places": look_at_places}[problem]
    inputs = keras.Input(shape)
    scores = keras.layers.Dense(10)(look(inputs, estimator.layer))
    if estimator.model is None:
        model = keras.Model(inputs, scores)
    else:
        model = models.ReinforceModel(
            inputs, scores, reward=rewards.log_likelihood, **estimator.model
        )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model


def rollouts_of(estimator):
    """How often the inputs are repeated for a model that does not do it."""
    return 1 if estimator.model else NUM_ROLLOUTS


def start_again(model, problem, estimator, seed):
    """Other weights, as if the model were new; it is traced only once."""
    keras.utils.set_random_seed(seed)
    model.set_weights(make_model(problem, estimator).get_weights())
    for variable in model.optimizer.variables:
        if "learning_rate" not in variable.path:
            variable.assign(tf.zeros_like(variable))


def fit(model, estimator, data, epochs, seed):
    """Trains a model; its validation accuracy after each epoch."""
    repeat = functools.partial(
        tf.repeat, repeats=rollouts_of(estimator), axis=0
    )
    batches = (
        tf.data.Dataset.from_tensor_slices(data["train"])
        .shuffle(2000, seed=seed)
        .batch(64, drop_remainder=True)
        .map(lambda x, y: (repeat(x), repeat(y)))
    )
    history = model.fit(
        batches,
        validation_data=data["validation"],
        validation_batch_size=200,
        epochs=epochs,
        shuffle=False,
        verbose=0,
    ).history
    return history["val_accuracy"]


def policy_weights(model):
    mechanism = model.get_layer("look").cell.mechanism
    part = getattr(mechanism, "location_network", None) or mechanism.score
    return [weight.value for weight in part.trainable_weights]


def flat(gradients):
    return tf.concat([tf.reshape(one, (-1,)) for one in gradients], axis=0)


def gradient_function(model, x, y):
    """A function that takes one estimate of the gradient of the loss."""
    weights = policy_weights(model)

    @tf.function
    def estimate():
        with tf.GradientTape() as tape:
            loss = model.compute_loss(y=y, y_pred=model(x, training=True))
        return flat(tape.gradient(loss, weights))

    return lambda: estimate().numpy()


def exact_gradient(problem, trained, x, y):
    if problem == "items":
        exact = Estimator("", model={"estimator": "exact", "baseline": "none"})
        model = make_model(problem, exact)
        copy_network(trained, model)
        return gradient_function(model, x, y)()
    integrals = [
        integrated(trained, x[one : one + 1], y[one : one + 1])
        for one in range(len(x))
    ]
    return np.mean(integrals, axis=0)


def integrated(model, x, y, num_ticks=101):
    """Of one image: the gradient of - integral p(place) reward(place)."""
    ticks = np.linspace(-1 - 5 * STDDEV, 1 + 5 * STDDEV, num_ticks)
    places = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    places = places.astype("float32")
    with (
        tf.GradientTape() as tape,
        keras_attention.record_attention() as attention,
        keras_attention.policy(location=np.clip(places, -1, 1)),
    ):
        scores = model(np.repeat(x, len(places), axis=0), training=False)
        reward = rewards.log_likelihood(np.repeat(y, len(places)), scores)
        away = (places - attention["look"]["location_mean"][:, 0]) / STDDEV
        density = tf.exp(-tf.reduce_sum(away**2, axis=1) / 2)
        density *= (ticks[1] - ticks[0]) ** 2 / (2 * np.pi * STDDEV**2)
        loss = -tf.reduce_sum(density * tf.stop_gradient(reward))
    return flat(tape.gradient(loss, policy_weights(model))).numpy()


def copy_network(trained, model):
    """What is trained of all layers, and of a learned baseline."""
    for layer, source in zip(model.layers, trained.layers, strict=False):
        if layer.name != "baseline":
            pairs = zip(
                layer.trainable_variables,
                source.trainable_variables,
                strict=True,
            )
            for variable, known in pairs:
                variable.assign(known)
    learned = isinstance(
        getattr(model, "baseline", None), models.LearnedBaseline
    )
    if learned and isinstance(trained.baseline, models.LearnedBaseline):
        model.baseline.set_weights(trained.baseline.get_weights())


def measure(problem, estimator, trained, batch, exact, num_estimates):
    """Relative variance, relative bias, and what chance leaves of a bias."""
    model = make_model(problem, estimator)
    copy_network(trained, model)
    x, y = (np.repeat(one, rollouts_of(estimator), axis=0) for one in batch)
    take = gradient_function(model, x, y)
    if (estimator.model or {}).get("estimator") == "exact":
        num_estimates = 2
    for _ in range(num_estimates // 4):  # the moving average arrives
        take()
    estimates = np.array([take() for _ in range(num_estimates)])
    size = np.linalg.norm(exact)
    mean = estimates.mean(axis=0)
    variance = np.sum((estimates - mean) ** 2) / (num_estimates - 1) / size**2
    bias = np.linalg.norm(mean - exact) / size
    return variance, bias, np.sqrt(variance / num_estimates)


def table(problem, options, data):
    """Rows of figures, one for each estimator, at a half-trained network."""
    learned = next(
        one for one in SCORE_FUNCTION if one.label == "learned baseline"
    )
    keras.utils.set_random_seed(0)
    trained = make_model(problem, learned)
    fit(trained, learned, data, epochs=6, seed=0)
    batch = [part[:NUM_EXAMPLES] for part in data["validation"]]
    exact = exact_gradient(problem, trained, *batch)
    return {
        estimator.label: measure(
            problem, estimator, trained, batch, exact, options.estimates
        )
        for estimator in ESTIMATORS[problem]
    }


def curves(problem, options, data):
    """Validation accuracy, (seeds, epochs), of each estimator."""
    found = {}
    for estimator in ESTIMATORS[problem]:
        model, runs = make_model(problem, estimator), []
        for seed in range(options.seeds):
            start_again(model, problem, estimator, seed)
            runs.append(fit(model, estimator, data, options.epochs, seed))
        found[estimator.label] = np.array(runs)
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--estimates", type=int, default=400)
    parser.add_argument("--out", type=pathlib.Path, default=DOCS)
    options = parser.parse_args(arguments)
    figures, learned = {}, {}
    sizes = {"examples": NUM_EXAMPLES, "rollouts": NUM_ROLLOUTS}
    for problem in ESTIMATORS:
        start = time.process_time()
        data = load(problem)
        figures[problem] = table(problem, options, data)
        learned[problem] = curves(problem, options, data)
        sizes["validation"] = len(data["validation"][1])
        print(f"{problem}: {time.process_time() - start:.0f} CPU-seconds")
    (options.out / "estimators.md").write_text(
        estimators_page.page(ESTIMATORS, figures, learned, options, sizes),
        "utf-8",
    )
    estimators_page.draw(learned, options.out / "estimators.png")


if __name__ == "__main__":
    main()
