"""A layer computes in graphs of all kinds what it computes eagerly."""

import keras
import numpy as np
import tensorflow as tf


def test_xla_is_the_same(form, assert_same):
    compiled = tf.function(form.layer, jit_compile=True)
    assert_same(compiled(form.inputs), form.outputs, atol=1e-5)


def test_a_graph_is_the_same_and_its_batch_may_be_unknown_and_one(
    form, assert_same
):
    look = form.graph
    given = keras.tree.map_structure(tf.constant, form.inputs)
    assert_same(look(given), form.named_outputs, atol=1e-6)
    first, expected = keras.tree.map_structure(
        lambda value: value[:1], (given, form.named_outputs)
    )
    assert_same(look(first), expected, atol=1e-6)


def is_loop(name):
    """Its steps are a while loop."""
    loops = ("attention_cell", "glimpse_cell", "in_a_loop", "sequence")
    return any(part in name for part in loops)


def test_it_converts_to_builtins_of_tflite_with_the_same_result(form, convert):
    # A loop converts with a known batch only.
    look = form.trace(3) if is_loop(form.name) else form.graph
    run = convert(look, form.layer.variables)
    values = keras.tree.flatten(form.inputs)
    found = run(**{f"input_{i}": value for i, value in enumerate(values)})
    for key, value in form.named_outputs.items():
        np.testing.assert_allclose(found[key], value, atol=1e-4, err_msg=key)
