"""A plain convolutional network on translated 60x60: beside `ram_translated`.

That of `cnn_cluttered60`: as many parameters as the glimpses, as much time.
"""

from dataclasses import replace

from . import cnn_cluttered60, ram_translated

RECIPE = replace(
    ram_translated.RECIPE,
    name="cnn_translated",
    summary="The canvases of ram_translated, a plain convolutional network",
    network=cnn_cluttered60.network,
    epochs=25,
    stddev=None,
)
