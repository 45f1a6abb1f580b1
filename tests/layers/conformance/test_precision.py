"""A layer computes in half precision what it computes in float32."""

import keras
import pytest

import keras_attention


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_comes_close_to_float32(form, policy, assert_same):
    keras.config.set_dtype_policy(policy)
    mixed = form.make()
    symbols = mixed(form.symbolic_inputs())
    mixed.set_weights(form.layer.get_weights())
    # The choice of an item may change with the last digit of its score.
    if "item_wise_hard" in form.name or "hard_items" in form.name:
        with keras_attention.policy("center"):
            outputs, expected = mixed(form.inputs), form.layer(form.inputs)
    else:
        outputs, expected = mixed(form.inputs), form.outputs
    assert_same(outputs, expected, atol=0.05)
    half = keras.config.dtype_policy().compute_dtype
    for output, symbol in zip(
        keras.tree.flatten(outputs), keras.tree.flatten(symbols), strict=True
    ):
        assert output.dtype == symbol.dtype
        if output.dtype != "int32":
            assert output.dtype == ("float32" if form.is_policy else half)
