"""The steps that images take through Apache Beam, on whichever runner."""

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystems import FileSystems
from apache_beam.ml.inference.base import KeyedModelHandler, RunInference

from ..images import read_image
from .filesystem import literal
from .handler import SavedModelHandler
from .parts import PART_SIZE, Parts

FAILED = "failed"


def add_steps(
    pipeline: beam.Pipeline,
    files: Sequence[str],
    handler: SavedModelHandler,
    shape: tuple[int, int, int],
    parts: Parts,
) -> None:
    """Adds all steps to a pipeline: read, classify, write.

    They are one chain, which runners fuse: what a worker has read it
    classifies and writes at once, so that a run that is killed keeps what
    it has done. A step that joined answers and failures, or all answers,
    would hold everything back until the last image is read.

    Args:
        pipeline: the pipeline.
        files: paths of the images.
        handler: of the model.
        shape: (H, W, C) of the model's images.
        parts: of the output.
    """
    read = (
        pipeline
        # Graphs that hold a long list are too large for some runners.
        | "Paths" >> beam.io.ReadFromText(literal(parts.write_list(files)))
        | "Spread" >> beam.Reshuffle()
        | "Read" >> beam.ParDo(_Read(shape)).with_outputs(FAILED, main="images")
    )
    _ = (
        read.images
        | "Classify" >> RunInference(KeyedModelHandler(handler))
        | "Answers" >> beam.ParDo(_Write(parts, "answers"))
    )
    _ = read[FAILED] | "Failures" >> beam.ParDo(_Write(parts, "failures"))


class _Read(beam.DoFn):
    """Reads image files; says why where one cannot be read."""

    def __init__(self, shape: tuple[int, int, int]):
        self._shape = shape
        self._folder = os.getcwd()  # workers may run elsewhere

    def process(self, line: str) -> Iterator[Any]:
        path = json.loads(line)
        try:
            yield path, self._image(path)
        except (OSError, ValueError) as error:
            failure = (path, {"reason": str(error)})
            yield beam.pvalue.TaggedOutput(FAILED, failure)

    def _image(self, path: str) -> np.ndarray:
        if "://" not in path:
            return read_image(os.path.join(self._folder, path), self._shape)
        with FileSystems.open(path) as file:
            return read_image(file, self._shape)


class _Write(beam.DoFn):
    """Writes parts of the output as they are full."""

    def __init__(self, parts: Parts, kind: str):
        self._parts, self._kind = parts, kind

    def start_bundle(self) -> None:
        self._lines: list[str] = []

    def process(self, found: tuple[str, dict]) -> None:
        path, values = found
        self._lines.append(json.dumps({"image": path, **values}))
        if len(self._lines) >= PART_SIZE:
            self._flush()

    def finish_bundle(self) -> None:
        if self._lines:
            self._flush()

    def _flush(self) -> None:
        self._parts.write(self._kind, self._lines)
        self._lines = []
