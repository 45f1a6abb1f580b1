"""RAM on the embedded digits, which need no network: the demo's recipe."""

from keras_attention import models

from ..canvases import Canvas
from ..recipe import Recipe


def network() -> models.ImageClassifier:
    """Six glimpses of 8x8 at two scales of a 40x40 canvas."""
    return models.ram((40, 40, 1), num_glimpses=6, glimpse_size=8, num_scales=3)


RECIPE = Recipe(
    name="ram_digits",
    summary="scikit-learn's digits on cluttered 40x40, 6 glimpses of 8x8",
    source="digits",
    canvas=Canvas(size=40, num_distractors=4, distractor_size=5),
    network=network,
    epochs=20,
    steps_per_epoch=400,
)
