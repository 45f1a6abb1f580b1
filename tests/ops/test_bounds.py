import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention.ops.bounds import bounded, scale_gradient

VALUES = [-2.0, -1.0, 0.0, 0.5, 1.0, 2.0]


def gradient_of(function, values, upstream):
    values = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = function(values)
    return tape.gradient(result, values, tf.constant(upstream)).numpy()


def clip(values):
    return bounded(values, -1.0, 1.0)


def slowed(values):
    return scale_gradient(values, 0.1)


def test_it_clips():
    np.testing.assert_array_equal(
        clip(tf.constant(VALUES)), np.clip(VALUES, -1, 1)
    )


def test_what_calls_up_is_not_heard_above_the_bound():
    # A descent step moves against its gradient.
    upstream = [-1.0] * 6
    expected = [-1, -1, -1, -1, -1, 0]
    np.testing.assert_array_equal(gradient_of(clip, VALUES, upstream), expected)


def test_what_calls_down_is_not_heard_below_the_bound():
    upstream = [3.0] * 6
    expected = [0, 3, 3, 3, 3, 3]
    np.testing.assert_array_equal(gradient_of(clip, VALUES, upstream), expected)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_descent_stops_just_behind_the_bound_and_comes_back(sign):
    value = keras.Variable(0.0)
    optimizer = keras.optimizers.SGD(0.3)

    def step(target):
        with tf.GradientTape() as tape:
            loss = -target * clip(value)
        optimizer.apply([tape.gradient(loss, value)], [value])
        return float(value)

    outwards = [step(sign) for _ in range(50)]
    assert max(abs(place) for place in outwards) < 1.3
    back = [step(-sign) for _ in range(5)]
    assert max(abs(place) for place in back) < 1.0


def test_a_plain_clip_never_comes_back():
    gradient = gradient_of(
        lambda values: tf.clip_by_value(values, -1.0, 1.0), [2.0], [1.0]
    )
    assert gradient == 0
    assert gradient_of(clip, [2.0], [1.0]) == 1


def test_a_gradient_is_scaled_and_the_value_is_not():
    values = tf.constant(VALUES)
    np.testing.assert_array_equal(slowed(values), VALUES)
    gradient = gradient_of(slowed, VALUES, [2.0] * 6)
    np.testing.assert_allclose(gradient, [0.2] * 6, rtol=1e-6)


@pytest.mark.parametrize("function", [clip, slowed])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtype_stays_and_xla_gives_the_same(function, dtype):
    values = tf.constant(VALUES, dtype)

    def both(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            result = function(values)
        return result, tape.gradient(result, values)

    for eager, compiled in zip(
        both(values), tf.function(both, jit_compile=True)(values), strict=True
    ):
        assert eager.dtype == compiled.dtype == dtype
        np.testing.assert_array_equal(eager, compiled)
