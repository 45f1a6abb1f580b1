"""The shape of what a layer returns is known before it runs."""

import keras
import pytest

from keras_attention import layers


def test_symbolic_shapes_are_right(form):
    for output, symbol in zip(
        keras.tree.flatten(form.outputs),
        keras.tree.flatten(form.model.output),
        strict=True,
    ):
        assert symbol.shape == (None, *output.shape[1:])


@pytest.mark.parametrize(
    ("layer", "shapes", "expected"),
    [
        (
            layers.GlimpseSensor(4, 3),
            [(None, None, None, 2), (None, 2)],
            (None, 4, 4, 6),
        ),
        (layers.GlimpseNetwork(5, 6, 7), [(3, 4, 4, 2), (3, 2)], (3, 7)),
        (
            layers.GaussianLocationPolicy(),
            [(5, 2)],
            {
                "location": (5, 2),
                "location_mean": (5, 2),
                "log_prob": (5,),
                "entropy": (5,),
            },
        ),
        (
            layers.GridLocationPolicy(2, 3),
            [(5, 6)],
            {
                "location": (5, 2),
                "location_mean": (5, 2),
                "log_prob": (5,),
                "entropy": (5,),
                "indices": (5, 1),
            },
        ),
        (layers.ItemWiseSoftAttention(), [(5, 7, 3), (5, 2)], (5, 3)),
        (
            layers.LocationWiseSoftAttention(output="zero"),
            [(5, None, 7, 3)],
            (5, None, 7, 3),
        ),
        (layers.ItemWiseHardAttention(2), [(5, 7, 3), (5, 2)], (5, 2, 3)),
        (
            layers.LocationWiseHardAttention(4),
            [(5, None, None, 3), (5, 2)],
            (5, 4, 4, 3),
        ),
    ],
)
def test_compute_output_shape(layer, shapes, expected):
    assert layer.compute_output_shape(*shapes) == expected
