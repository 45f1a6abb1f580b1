"""What happens at the end of every epoch of a training."""

import math
import time

import keras
import numpy as np

from keras_attention.layers import GaussianLocationPolicy
from keras_attention.models import ReinforceModel

from .run_folder import RunError, RunFolder


class _Schedule(keras.callbacks.Callback):
    """What goes from a first value to a last one in a number of epochs."""

    def __init__(self, first: float, last: float, epochs: int):
        super().__init__()
        self.first = first
        self.last = last
        self.epochs = epochs

    def _done(self, epoch: int) -> float:
        """The part of the way at the start of an epoch, from 0 to 1."""
        return min(epoch / max(self.epochs - 1, 1), 1.0)


class StddevSchedule(_Schedule):
    """Lets the standard deviation of sampled locations fall geometrically.

    Far apart at first, to find what is worth looking at; close together at
    the end, to train the recogniser on what it will be shown.

    It sets every `GaussianLocationPolicy` of the model, however deep inside
    other layers. Of a deviation for x and one for y it sets the geometric
    mean, and keeps their ratio. A policy that learns its deviation is left to
    it.

    Args:
        first: Standard deviation in the first epoch.
        last: Standard deviation in the last one, and after it.
        epochs: Number of epochs.

    Raises:
        ValueError: If a deviation is not above 0; when training starts, if
            the model has no such policy.

    Example:
    >>> model.fit(images, labels, epochs=20, callbacks=[
    ...     StddevSchedule(first=0.25, last=0.1, epochs=20)
    ... ])
    """

    def __init__(self, first: float, last: float, epochs: int):
        super().__init__(first, last, epochs)
        if not (first > 0 and last > 0):
            raise ValueError(
                "`first` and `last` must be above 0. Received: "
                f"first={first}, last={last}"
            )

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Finds the policies of the model."""
        self._policies = [
            layer
            for layer in self.model._flatten_layers()
            if isinstance(layer, GaussianLocationPolicy)
            and not layer.learned_stddev
        ]
        if not self._policies:
            raise ValueError(
                "`StddevSchedule` needs a model with a "
                "`GaussianLocationPolicy` that does not learn its deviation. "
                f"Received: model={self.model.name!r}"
            )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Sets the deviation of every location policy of the model."""
        stddev = self.first * (self.last / self.first) ** self._done(epoch)
        for policy in self._policies:
            now = policy.stddev.numpy()
            mean = np.prod(now) ** (1 / now.size)
            policy.stddev.assign(stddev * now / mean)


class EntropySchedule(_Schedule):
    """Changes the entropy bonus of a `ReinforceModel` from epoch to epoch.

    Much at first, so that choices stay open while nothing is known of them;
    little or nothing at the end. It goes in equal steps.

    Args:
        first: Coefficient of the entropy in the first epoch.
        last: Coefficient in the last one, and after it.
        epochs: Number of epochs.

    Raises:
        ValueError: When training starts, if the model has no entropy bonus.

    Example:
    >>> model.fit(images, labels, epochs=20, callbacks=[
    ...     EntropySchedule(first=0.01, last=0.0, epochs=20)
    ... ])
    """

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Checks that the model has an entropy bonus."""
        if not isinstance(self.model, ReinforceModel):
            raise ValueError(
                "`EntropySchedule` needs a `ReinforceModel`. "
                f"Received: model={self.model.name!r}"
            )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Sets the coefficient."""
        bonus = self.first + (self.last - self.first) * self._done(epoch)
        self.model.entropy_bonus.assign(bonus)


class DropoutSeeds(keras.callbacks.Callback):
    """Lets what dropout leaves out depend on the seed and the epoch alone.

    Keras does not save how far the random numbers of a layer have come: a run
    that goes on after a stop would draw others than one that never stopped.

    Args:
        seed: Integer.
    """

    # How often a layer draws in an epoch, at most.
    DRAWS = 2**16

    def __init__(self, seed: int):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Sets the random numbers of every dropout layer of the model."""
        layers = [
            layer
            for layer in self.model._flatten_layers()
            if isinstance(layer, keras.layers.Dropout) and layer.rate > 0
        ]
        for number, layer in enumerate(layers):
            state = [self.seed * 1000 + number, epoch * self.DRAWS]
            layer.seed_generator.state.assign(state)


class Seconds(keras.callbacks.Callback):
    """Adds the seconds of an epoch to its log: on the clock, and of CPU."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts the clocks."""
        self._start = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Reads the clocks."""
        logs["seconds"] = time.perf_counter() - self._start[0]
        logs["cpu_seconds"] = time.process_time() - self._start[1]


class Checkpoint(keras.callbacks.Callback):
    """Saves the run: its log, the best weights, the state to resume from.

    Raises `RunError` where the loss is no longer a number: what was saved
    before stays.

    Args:
        run: Folder of the run. Lines of its log from `first_epoch` on, of an
            epoch whose state was not saved, are written over.
        first_epoch: Number of the first epoch of this training.
    """

    def __init__(self, run: RunFolder, first_epoch: int):
        super().__init__()
        self.run = run
        self.rows = run.finished_epochs()[:first_epoch]
        self.best = max(
            (float(row["val_accuracy"]) for row in self.rows), default=-1.0
        )

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Saves what this epoch made."""
        if not math.isfinite(logs["loss"]):
            raise RunError(
                f"The loss was {logs['loss']} in epoch {epoch + 1}, which was "
                "not saved. Check that labels and images are in range, or "
                "lower the learning rate."
            )
        self.rows.append({"epoch": epoch, **logs})
        self.run.write_epochs(self.rows)
        if logs["val_accuracy"] > self.best:
            self.best = logs["val_accuracy"]
            self.run.write("best.weights.h5", self.model.save_weights)
        self.run.write("last.keras", self.model.save)
