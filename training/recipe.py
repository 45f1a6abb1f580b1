"""A recipe: everything that decides a training, in one place."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from .canvas_sets import AnyCanvas


@dataclass(frozen=True)
class Recipe:
    """What is trained, on what, and how.

    Attributes:
        name: Name on the command line.
        summary: One line that says what it is.
        source: Source of the digits, see `load_digits`.
        canvas: What a digit becomes, see `canvas_sets`.
        network: Function that builds the model, not compiled.
        epochs: Number of epochs.
        steps_per_epoch: Batches in an epoch; after each the model is
            validated and the run saved.
        batch_size: Images in a batch.
        learning_rate: Of Adam, at the start; it falls to a hundredth of that
            along a cosine.
        stddev: Standard deviation of the sampled locations in the first and
            in the last epoch; it falls geometrically. None where no location
            is sampled.
        jit_compile: Whether to compile the step with XLA: on a processor
            glimpse loops are up to twice as fast with it, and convolutions
            two to three times slower.
        item_grid: (rows, columns) in which the items lie in the image, where
            items are chosen that are pieces of it.
    """

    name: str
    summary: str
    source: str
    canvas: AnyCanvas
    network: Callable[[], keras.Model]
    epochs: int
    steps_per_epoch: int
    batch_size: int = 128
    learning_rate: float = 1e-3
    stddev: tuple[float, float] | None = None
    jit_compile: bool = False
    item_grid: tuple[int, int] | None = None

    def compile(self, model: keras.Model, epochs: int) -> None:
        """Compiles a model for a training of so many epochs."""
        schedule = keras.optimizers.schedules.CosineDecay(
            self.learning_rate, epochs * self.steps_per_epoch, alpha=0.01
        )
        model.compile(
            keras.optimizers.Adam(schedule),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            jit_compile=self.jit_compile,
        )
