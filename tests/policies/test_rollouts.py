import threading

import numpy as np
import pytest
import tensorflow as tf

from keras_attention.policies import rollouts

X = np.arange(6.0).reshape(3, 2)


def test_what_has_a_row_for_each_example_is_repeated():
    values = {"x": tf.constant(X), "mask": tf.constant([True, False, True])}
    assert rollouts.repeated(values) is values
    with rollouts.rollouts(2, 3):
        repeated = rollouts.repeated((values, None))
    np.testing.assert_array_equal(repeated[0]["x"], X[[0, 0, 1, 1, 2, 2]])
    np.testing.assert_array_equal(
        repeated[0]["mask"], [True, True, False, False, True, True]
    )
    assert repeated[1] is None
    assert rollouts.current() is None


@pytest.mark.parametrize("jit_compile", [False, True])
def test_what_is_repeated_already_stays_with_any_batch(jit_compile):
    def run(x):
        with rollouts.rollouts(2, tf.shape(x)[0]):
            once = rollouts.repeated(x)
            return once, rollouts.repeated(once)

    spec = [tf.TensorSpec((None, 2))]
    run = tf.function(run, spec, jit_compile=jit_compile)
    for rows in (3, 1):
        for repeated in run(X[:rows].astype("float32")):
            expected = np.repeat(X[:rows], 2, axis=0)
            np.testing.assert_array_equal(repeated, expected)


def test_another_batch_is_an_error():
    with (
        rollouts.rollouts(2, 3),
        pytest.raises(ValueError, match=r"batch.*3 here, or 2 times.*\(4, 2\)"),
    ):
        rollouts.repeated(tf.zeros((4, 2)))


def test_a_scope_inside_a_scope_changes_nothing():
    with rollouts.rollouts(2, 3):
        with rollouts.rollouts(5, 6):
            assert rollouts.current() == rollouts.Rollouts(2, 3)
        with rollouts.rollouts(1, None):
            assert rollouts.current() == rollouts.Rollouts(2, 3)
    assert rollouts.current() is None


def test_an_error_closes_the_scope():
    with pytest.raises(KeyError), rollouts.rollouts(2, 3):
        raise KeyError
    assert rollouts.current() is None


def test_another_thread_has_a_scope_of_its_own():
    seen = []
    with rollouts.rollouts(2, 3):
        thread = threading.Thread(
            target=lambda: seen.append(rollouts.current())
        )
        thread.start()
        thread.join()
    assert seen == [None]


def test_one_sample_repeats_nothing():
    x = tf.constant(X)
    assert rollouts.repeat((x, None), 1)[0] is x
    twice = rollouts.repeat((x, None), 2)
    np.testing.assert_array_equal(twice[0], np.repeat(X, 2, axis=0))
    assert twice[1] is None
