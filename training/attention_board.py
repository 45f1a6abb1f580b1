"""Shows in TensorBoard, while a model trains, what it looks at."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_attention.ops.checks import check_count, check_share

from . import plots
from .diagnosis import diagnose
from .examples import read_examples

# A diagnosis asks the model as often: as it learned to look, a sample, at
# random, at the centre, and where the truth is.
NUM_POLICIES = 5


class AttentionBoard(keras.callbacks.Callback):
    """Writes pictures of the attention to TensorBoard during `fit`.

    At the end of an epoch it draws what the model looks at in the same few
    images, see `plots.attention`. With labels it writes, as scalars in
    percent, the error when the model looks where it learned to, at random
    places and at the centre; with boxes also where the truth is (`oracle`),
    and what of the error is the attention's and what the recognition's, see
    `training.diagnose`. The steps of both are the numbers of the epochs, as
    those of `keras.callbacks.TensorBoard`; they are in the folder `attention`
    beside its `train` and `validation`.

    It costs at most a share of the time of the training: it measures both,
    and writes at the end of an epoch only where this and the last writing
    fit in that share. At the end of the training it always writes.

    Args:
        log_dir: Folder of the logs.
        images: (N, H, W, C), some validation images.
        labels: (N,), their classes, or None.
        boxes: (N, 4) or (N, M, 4), their boxes as of `training.CanvasSet`, or
            None.
        num_pictures: How many of the images are drawn, the first of them.
        time_share: What it may cost, in parts of the training time.
        **looking: `layer`, `item_grid` and `glimpse_size`, as of
            `training.look`.

    Raises:
        ValueError: If there are no images, or not a label and a box for each,
            as `training.Examples` has them; when the training starts, if the
            model has no attention layer.

    Example:
    >>> model.fit(images, labels, epochs=20, callbacks=[
    ...     keras.callbacks.TensorBoard("logs"),
    ...     AttentionBoard("logs", val.images, val.labels, val.boxes),
    ... ])
    """

    clock = staticmethod(time.perf_counter)

    def __init__(
        self,
        log_dir: str | Path,
        images: np.ndarray,
        labels: np.ndarray | None = None,
        boxes: np.ndarray | None = None,
        num_pictures: int = 4,
        time_share: float = 0.05,
        **looking: Any,
    ):
        super().__init__()
        _check_lengths(images, labels, boxes)
        check_share("time_share", time_share)
        check_count("num_pictures", num_pictures)
        self.log_dir = Path(log_dir)
        self.images = images
        self.labels = labels
        self.boxes = boxes
        if labels is not None:
            read_examples(self._dataset())
        self.num_pictures = min(num_pictures, len(images))
        self.time_share = time_share
        self.looking = looking

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Draws one image: whether that is possible, and what it costs."""
        self._began = self.clock()
        self._picture(1)
        folder = self.log_dir / "attention"
        self._writer = tf.summary.create_file_writer(str(folder))
        self._spent = self.clock() - self._began
        # Until it is measured, as if nothing were shared between the images.
        times = self.num_pictures
        times += 0 if self.labels is None else NUM_POLICIES
        self._cost = times * self._spent
        self._epoch = self._written = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Writes, if there is time for it."""
        self._epoch = epoch
        trained = self.clock() - self._began - self._spent
        # Once now, and once at the end of the training.
        if self._spent + 2 * self._cost <= self.time_share * trained:
            self._write()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Writes what the last epoch made, and closes the file."""
        if self._epoch is not None and self._written != self._epoch:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        start = self.clock()
        with self._writer.as_default(step=self._epoch):
            picture = plots.pixels(self._picture(self.num_pictures))
            tf.summary.image("attention", picture[None])
            for name, value in self._figures().items():
                tf.summary.scalar(name, value)
        self._writer.flush()
        self._written = self._epoch
        self._cost = self.clock() - start
        self._spent += self._cost

    def _picture(self, num_images: int) -> Any:
        boxes = None if self.boxes is None else self.boxes[:num_images]
        return plots.attention(
            self.model, self.images[:num_images], boxes=boxes, **self.looking
        )

    def _figures(self) -> dict[str, float]:
        """The figures of a diagnosis, by their names in TensorBoard."""
        if self.labels is None:
            return {}
        found = diagnose(self.model, self._dataset(), **self.looking)
        figures = {
            f"error/{name}": error for name, error in found["policies"].items()
        }
        figures["part/attention"] = found["attention_error"]
        figures["part/recognition"] = found["recognition_error"]
        return {
            name: error["percent"]
            for name, error in figures.items()
            if error is not None
        }

    def _dataset(self) -> dict[str, np.ndarray]:
        parts = {"images": self.images, "labels": self.labels}
        if self.boxes is not None:
            parts["boxes"] = self.boxes
        return parts


def _check_lengths(
    images: np.ndarray, labels: np.ndarray | None, boxes: np.ndarray | None
) -> None:
    if len(images) == 0:
        raise ValueError(
            "`images` must hold at least one image. Received: "
            f"images.shape={np.shape(images)}"
        )
    for name, value in (("labels", labels), ("boxes", boxes)):
        if value is not None and len(value) != len(images):
            raise ValueError(
                f"There must be one of `{name}` for each of the "
                f"{len(images)} images. Received: {len(value)}"
            )
