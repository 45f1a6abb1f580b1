import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

import keras_attention
from keras_attention import layers

SCORES = np.random.default_rng(0).normal(size=(3, 6)).astype("float32")
# Of 2 rows of 3: the middle of each, from the top left along the rows.
CENTRES = np.array(
    [
        [-2 / 3, -0.5],
        [0, -0.5],
        [2 / 3, -0.5],
        [-2 / 3, 0.5],
        [0, 0.5],
        [2 / 3, 0.5],
    ]
)


def make(rows=2, columns=3, **arguments):
    return layers.GridLocationPolicy(rows, columns, **{"seed": 1, **arguments})


def assert_finite(outcome):
    for name, value in outcome.items():
        assert np.all(np.isfinite(value)), name


def test_each_cell_has_its_place_and_its_log_probability():
    policy = make()
    expected = special.log_softmax(SCORES.astype("float64"), axis=-1)
    for cell in range(6):
        choices = {"indices": np.full((3, 1), cell, "int32")}
        outcome = policy(SCORES, choices=choices)
        np.testing.assert_allclose(
            outcome["location"], [CENTRES[cell]] * 3, rtol=1e-6
        )
        np.testing.assert_allclose(
            outcome["log_prob"], expected[:, cell], rtol=1e-5
        )
        np.testing.assert_array_equal(outcome["indices"], choices["indices"])


def test_mean_and_entropy_are_expectations_over_the_cells():
    probabilities = special.softmax(SCORES.astype("float64"), axis=-1)
    outcome = make()(SCORES)
    np.testing.assert_allclose(
        outcome["location_mean"], probabilities @ CENTRES, atol=1e-6
    )
    expected = [stats.entropy(row) for row in probabilities]
    np.testing.assert_allclose(outcome["entropy"], expected, rtol=1e-5)


def test_in_training_cells_come_as_often_as_they_are_probable():
    scores, num_samples = SCORES[:1], 20_000
    outcome = make()(np.repeat(scores, num_samples, axis=0), training=True)
    counts = np.bincount(outcome["indices"][:, 0], minlength=6)
    expected = num_samples * special.softmax(scores[0].astype("float64"))
    assert stats.chisquare(counts, expected).pvalue > 0.01


def test_out_of_training_it_takes_the_most_probable_cell():
    outcome = make()(SCORES)
    best = SCORES.argmax(axis=-1)
    np.testing.assert_array_equal(outcome["indices"][:, 0], best)
    np.testing.assert_allclose(outcome["location"], CENTRES[best], rtol=1e-6)


def test_noise_that_is_given_decides():
    noise = 100 * np.eye(6, dtype="float32")[[4, 0, 2]]
    outcome = make()(SCORES, choices={"noise": noise})
    np.testing.assert_array_equal(outcome["indices"], [[4], [0], [2]])


def test_random_cells_do_not_depend_on_the_scores():
    scores = np.repeat([[9.0, 0, 0, 0, 0, 0]], 6000, axis=0).astype("float32")
    with keras_attention.policy("random"):
        indices = make()(scores)["indices"][:, 0]
    assert stats.chisquare(np.bincount(indices)).pvalue > 0.01


def test_sample_samples_out_of_training_and_mode_does_not_in_training():
    scores = tf.zeros((50, 6))
    with keras_attention.policy("sample"):
        assert len(np.unique(make()(scores)["indices"])) == 6
    with keras_attention.policy("mode"):
        assert np.all(make()(scores, training=True)["indices"] == 0)


def test_center_looks_at_the_centre():
    with keras_attention.policy("center"):
        outcome = make()(SCORES, training=True)
    np.testing.assert_array_equal(outcome["location"], np.zeros((3, 2)))
    np.testing.assert_array_equal(outcome["indices"], [[4]] * 3)


@pytest.mark.parametrize(
    ("location", "cell"),
    [
        ((-1, -1), 0),
        ((1, 1), 5),
        ((0.34, -0.01), 2),
        ((-0.34, 0.01), 3),
        ((-9, 0.3), 3),
        ((np.inf, -np.inf), 2),
    ],
)
def test_a_given_place_is_looked_at_with_the_probability_of_its_cell(
    location, cell
):
    with keras_attention.policy(location=location):
        outcome = make()(SCORES)
    np.testing.assert_allclose(outcome["location"], [location] * 3)
    np.testing.assert_array_equal(outcome["indices"], [[cell]] * 3)
    expected = special.log_softmax(SCORES, axis=-1)[:, cell]
    np.testing.assert_allclose(outcome["log_prob"], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "given", [[4], [[1], [2], [3]], np.arange(12).reshape(3, 4, 1) % 6]
)
def test_given_cells_are_taken(given):
    with keras_attention.policy(indices=given):
        choices = make().choices(batch_size=3, num_steps=4)
    given = np.asarray(given)
    expected = given[:, None] if given.ndim == 2 else given
    np.testing.assert_array_equal(
        choices["indices"], np.broadcast_to(expected, (3, 4, 1))
    )
    assert choices["indices"].dtype == "int32"


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([1, 2], r"takes \(1,\).*indices.shape=\(2,\)"),
        ([[1], [2]], r"does not fit.*indices.shape=\(2, 1, 1\)"),
        ([6], "less than rows . columns = 6.*from 6 to 6"),
        ([[0], [1], [-1]], "at least 0.*from -1 to 1"),
        ([0.5], "takes integers.*float32"),
    ],
)
def test_given_cells_that_do_not_fit_are_an_error(indices, message):
    with (
        keras_attention.policy(indices=indices),
        pytest.raises(ValueError, match=message),
    ):
        make().choices(batch_size=3, num_steps=4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, 3), "`rows`.*0"), ((2, 1.5), "`columns`.*1.5")],
)
def test_a_wrong_number_of_cells_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(*arguments)


def test_scores_of_another_grid_are_an_error():
    with pytest.raises(ValueError, match=r"`scores`.*\(batch, 6\).*\(3, 5\)"):
        make()(SCORES[:, :5])


def test_a_score_that_is_no_number_is_never_chosen():
    scores = np.array([[np.nan, 0.0, -np.inf, 1.0, np.nan, -50.0]], "float32")
    outcome = make()(np.repeat(scores, 2000, axis=0), training=True)
    assert_finite(outcome)
    assert set(outcome["indices"].numpy().ravel()) == {1, 3}
    expected = stats.entropy(special.softmax([0.0, 1.0]))
    np.testing.assert_allclose(outcome["entropy"][0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("row", "probable"),
    [
        ([np.nan] * 6, {0, 1, 2, 3, 4, 5}),
        ([-np.inf] * 6, {0, 1, 2, 3, 4, 5}),
        ([np.inf, 0.0, np.inf, 3e38, np.nan, -3e38], {0, 2, 3}),
    ],
)
def test_scores_without_bounds_give_finite_results(row, probable):
    scores = tf.constant([row] * 300)
    policy = make()
    with tf.GradientTape() as tape:
        tape.watch(scores)
        outcome = policy(scores, training=True)
        loss = tf.reduce_sum(outcome["log_prob"] + outcome["entropy"])
    assert_finite(outcome)
    assert set(outcome["indices"].numpy().ravel()) == probable
    assert np.all(np.isfinite(tape.gradient(loss, scores)))
    forced = policy(scores, choices={"indices": tf.fill((300, 1), 5)})
    assert_finite(forced)


def test_the_sampled_gradient_is_that_of_the_expected_reward():
    rewards = np.array([0.0, 1.0, 0.3, -0.5, 0.2, 0.7], "float32")
    scores = tf.Variable(SCORES[:1])
    with tf.GradientTape() as tape:
        outcome = make()(tf.repeat(scores, 50_000, axis=0), training=True)
        reward = tf.gather(rewards, outcome["indices"][:, 0])
        gain = tf.reduce_mean(outcome["log_prob"] * (reward - 0.3))
    sampled = tape.gradient(gain, scores)
    probabilities = special.softmax(SCORES[0].astype("float64"))
    exact = probabilities * (rewards - probabilities @ rewards)
    np.testing.assert_allclose(sampled, [exact], atol=0.005)
    assert np.abs(exact).max() > 0.1


def test_no_gradient_passes_through_the_sample():
    scores = tf.constant(SCORES)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        location = make()(scores, training=True)["location"]
    assert tape.gradient(location, scores) is None


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_it_computes_in_float32_under_mixed_precision(dtype):
    half = tf.cast(SCORES, dtype.removeprefix("mixed_"))
    outcome = make(dtype=dtype)(half, training=True)
    assert outcome.pop("indices").dtype == "int32"
    assert {value.dtype for value in outcome.values()} == {tf.float32}


def test_a_file_keeps_where_the_random_numbers_are(tmp_path):
    inputs = keras.Input((6,))
    model = keras.Model(inputs, make()(inputs))
    model(SCORES, training=True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for _ in range(4):
        np.testing.assert_array_equal(
            model(SCORES, training=True)["indices"],
            again(SCORES, training=True)["indices"],
        )


def test_eager_and_xla_are_the_same_with_the_same_noise():
    policy = make()
    choices = {"noise": policy.noise((3, 1))[:, 0]}
    eager = policy(SCORES, choices=choices)
    compiled = tf.function(policy, jit_compile=True)(SCORES, choices=choices)
    for name, value in eager.items():
        np.testing.assert_allclose(compiled[name], value, atol=1e-5)
