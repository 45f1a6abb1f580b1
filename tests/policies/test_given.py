import numpy as np
import pytest
import tensorflow as tf

from keras_attention.policies import given


@pytest.mark.parametrize(
    "shape", [(2,), (1, 2), (3, 2), (1, 1, 2), (3, 1, 2), (1, 4, 2), (3, 4, 2)]
)
def test_a_value_is_laid_over_examples_and_steps(shape):
    value = np.arange(np.prod(shape)).reshape(shape)
    middle = value[:, None] if value.ndim == 2 else value
    np.testing.assert_array_equal(
        given.over_time("indices", value, (3, 4, 2)),
        np.broadcast_to(middle, (3, 4, 2)),
    )


def test_the_batch_may_be_unknown():
    @tf.function(input_signature=[tf.TensorSpec((None, 5))])
    def over_time(inputs):
        return given.over_time("indices", [[7]], (tf.shape(inputs)[0], 2, 1))

    np.testing.assert_array_equal(over_time(tf.zeros((3, 5))), [[[7]] * 2] * 3)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((), r"takes \(1,\), \(batch, 1\) or \(batch, steps, 1\).*shape=\(\)"),
        ((2,), r"indices.shape=\(2,\)"),
        ((2, 1), r"does not fit.*shape=\(2, 1, 1\).*steps, 1\)=\(3, 4, 1\)"),
        ((3, 2, 1), r"does not fit.*indices.shape=\(3, 2, 1\)"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error(shape, message):
    with pytest.raises(ValueError, match=message):
        given.over_time("indices", np.zeros(shape), (3, 4, 1))
