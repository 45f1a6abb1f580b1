"""Keras's own checks of a layer.

The only file of the tests that uses Keras's private `keras.src.testing`.
"""

import pytest
from keras.src import testing

from keras_attention import layers


def test_every_public_layer_is_in_the_list(forms):
    listed = [name.replace("_", "") for name in forms]
    for public in layers.__all__:
        assert any(name.startswith(public.lower()) for name in listed), public


def is_hard(name):
    """Nothing of it has a gradient from its output."""
    trained = ("straight_through", "relaxed", "pathwise")
    return "wise_hard_attention" in name and not name.endswith(trained)


# Keras's check warns of itself, and of weights that its loss does not train.
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_keras_accepts_it(form):
    layer_class, arguments = form.recipe()
    testing.TestCase().run_layer_test(
        layer_class,
        arguments,
        input_shape=form.one_or_all(form.shapes),
        # Keras's check trains by a loss of the output, and of one output.
        run_training_check=not form.is_policy and not is_hard(form.name),
    )
