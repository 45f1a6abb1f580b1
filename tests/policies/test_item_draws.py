import keras
import numpy as np
import pytest

from keras_attention.policies import item_draws
from keras_attention.policies.scope import Policy


def drawn(policy, replacement=False, steps=(3, 2, 2)):
    return item_draws.over_rollout(
        policy, steps, 5, replacement, keras.random.SeedGenerator(1)
    )


@pytest.mark.parametrize(
    ("name", "key"), [("sample", "noise"), ("random", "random")]
)
def test_noise_is_for_each_step_and_for_each_independent_draw(name, key):
    distinct, again = drawn(Policy(name)), drawn(Policy(name), True)
    assert {key: value.shape for key, value in distinct.items()} == {
        key: (3, 2, 5)
    }
    assert {key: value.shape for key, value in again.items()} == {
        key: (3, 2, 2, 5)
    }
    noise = distinct[key].numpy().reshape(6, 5)
    assert len(np.unique(noise)) == 30


def test_the_centre_is_the_items_in_the_middle_and_the_mode_is_nothing():
    choices = drawn(Policy("center"))
    np.testing.assert_array_equal(choices["indices"], [[[1, 2]] * 2] * 3)
    assert drawn(Policy("mode")) == {}


def test_given_items_are_laid_out_over_the_steps():
    choices = drawn(Policy(indices=[4, 0]))
    np.testing.assert_array_equal(choices["indices"], [[[4, 0]] * 2] * 3)
    with pytest.raises(ValueError, match=r"lie in 0 .. 4.*indices=\[5, 0\]"):
        drawn(Policy(indices=[5, 0]))


@pytest.mark.parametrize("probability", [0.0, 0.2, 1.0])
def test_what_happens_to_an_example_happens_at_all_its_steps(probability):
    happens = item_draws.same_over_rollout(
        probability, (4000, 3), keras.random.SeedGenerator(1)
    ).numpy()
    assert happens.dtype == bool
    np.testing.assert_array_equal(np.ptp(happens.astype(int), axis=1), 0)
    error = 4 * np.sqrt(probability * (1 - probability) / 4000)
    assert abs(happens[:, 0].mean() - probability) <= error
