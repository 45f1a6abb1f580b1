"""Classifies any number of image files."""

import contextlib
import hashlib
import io
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    PipelineOptions,
    StandardOptions,
)

from ..predict import load_exported_saved_model
from .handler import SavedModelHandler
from .inputs import image_files
from .output import Output
from .pipeline import add_steps
from .watch import watched_workers


def predict_images(
    exported: str | Path,
    images: Sequence[str | Path],
    out: str | Path,
    *,
    num_workers: int = 1,
    beam_options: Sequence[str] = (),
) -> dict[str, Any]:
    """Reads image files with a SavedModel, on the cores of one machine or many.

    Writes `out/predictions.jsonl`, a JSON object for each image, in the order
    of the images: `image` (its path), `class`, `label`, `probability` and, if
    the model takes glimpses, `location`. Images that cannot be read are in
    `out/failures.jsonl`: `image` and `reason`. Together they have a line for
    each image. Both appear when all is done. A run that was stopped or killed
    goes on where it was when it is started again; what failed is then tried
    again.

    Args:
        exported: export folder, whose newest SavedModel is taken, or the
            folder of a SavedModel. Each worker must be able to read it.
        images: files, folders, patterns and lists, as of `image_files`.
        out: folder to write: new, empty, or of an unfinished run; local, or
            of a file system that Apache Beam knows.
        num_workers: processes on this machine. Other runners than Beam's
            DirectRunner have options of their own.
        beam_options: as on the command line of a Beam pipeline, such as
            `--runner=FlinkRunner`.

    Returns:
        Dict of the files `predictions` and `failures`, of `num_images`,
        `num_predictions` and `num_failures`, of `num_continued`, the images
        that an earlier run had answered, and of `seconds`.

    Raises:
        FileNotFoundError: if there is no exported model.
        RuntimeError: if the pipeline fails. What is done is kept.
        ValueError: if there is no image or no SavedModel, `out` holds
            something else, or an option of Beam is wrong.
    """
    start = time.perf_counter()
    options = _options([*_direct(num_workers), *beam_options])
    pipeline = beam.Pipeline(options=options)
    files = image_files(images)
    model = load_exported_saved_model(Path(exported).resolve())
    _check_size(model.input_shape)

    output = Output(_absolute(out))
    done = output.take_over(_digest(model.path))
    todo = [file for file in dict.fromkeys(files) if file not in done]
    if todo:
        handler = SavedModelHandler(str(model.path), model.labels)
        add_steps(pipeline, todo, handler, model.input_shape, output.parts)
        _run(pipeline)
    num_predictions, num_failures = output.finish(files)
    return {
        "predictions": output.predictions,
        "failures": output.failures,
        "num_images": len(files),
        "num_predictions": num_predictions,
        "num_failures": num_failures,
        "num_continued": sum(file in done for file in files),
        "seconds": round(time.perf_counter() - start, 1),
    }


def _check_size(shape: tuple[int | None, ...]) -> None:
    if None in shape:
        raise ValueError(
            "The model takes images of any size, which cannot be put into "
            f"batches: export it with one size. Received: {shape}"
        )


def _direct(num_workers: int) -> list[str]:
    """Options of the DirectRunner; other runners ignore them."""
    if num_workers < 1:
        raise ValueError(
            f"`num_workers` must be at least 1. Received: {num_workers}"
        )
    mode = "in_memory" if num_workers == 1 else "multi_processing"
    return [
        f"--direct_num_workers={num_workers}",
        f"--direct_running_mode={mode}",
        # There is no trigger. This keeps it from fetching Prism from the
        # network, a program that would take its place, without processes.
        "--allow_unsafe_triggers",
        "--default_sdk_harness_log_level=ERROR",
    ]


def _options(arguments: Sequence[str]) -> PipelineOptions:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options = PipelineOptions(arguments)
            _check_options(options)
    except SystemExit as error:  # of argparse
        if error.code == 0:  # --help
            raise
        reason = said.getvalue().rpartition("error: ")[2].strip()
        raise ValueError(f"An option of Apache Beam: {reason}") from error
    return options


def _check_options(options: PipelineOptions) -> None:
    """Parses all options; raises `ValueError` for those no one would read.

    Runners on other machines are told of all, also those unknown here.
    """
    known = options.get_all_options()
    runner = options.view_as(StandardOptions).runner or "DirectRunner"
    if not runner.endswith("DirectRunner"):
        return
    given = options.get_all_options(retain_unknown_options=True)
    unknown = given.keys() - known.keys()
    if unknown:
        raise ValueError(
            "Apache Beam's DirectRunner has no such option. Received: "
            f"{', '.join(sorted(unknown))}"
        )


def _run(pipeline: beam.Pipeline) -> None:
    try:
        with watched_workers():
            pipeline.run().wait_until_finish()
    except Exception as error:
        raise RuntimeError(
            "Apache Beam's pipeline failed. What is done is kept: the same "
            f"call goes on. Beam says: {str(error).strip()[-2000:]}"
        ) from error


def _absolute(path: str | Path) -> str:
    return str(path) if "://" in str(path) else os.path.abspath(path)


def _digest(folder: Path) -> str:
    """Tells a SavedModel from others."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            digest.update(file.relative_to(folder).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
