"""Runs an exported file in a process that has nothing but its runtime."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from .process import run_python

Arrays = dict[str, np.ndarray]

# What no file must need, and what those must not that TensorFlow does not
# run. TensorFlow imports Keras by itself.
NEVER = ("tensorflow_probability", "tf_keras", "keras_attention")
NOT_WITHOUT_TENSORFLOW = (*NEVER, "keras", "tensorflow")


class ExportError(RuntimeError):
    """An exported file does not run, or computes something else."""


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """What a file answered.

    Attributes:
        signatures: those of the file that were asked, each to two runs: the
            outputs of all rows together, and of each row alone.
        latency_ms: median milliseconds of one image, on one thread.
    """

    signatures: dict[str, tuple[Arrays, Arrays]]
    latency_ms: float


def blocked_for(exported: Path) -> tuple[str, ...]:
    """Names of the modules that a file must not need."""
    if exported.suffix in (".tflite", ".onnx"):
        return NOT_WITHOUT_TENSORFLOW
    return NEVER


def run_in_clean_process(
    exported: str | Path,
    requests: dict[str, Arrays],
    blocked: tuple[str, ...] | None = None,
) -> Answers:
    """Runs an exported file where some modules cannot be imported.

    Args:
        exported: SavedModel folder, TFLite or ONNX file.
        requests: signatures to their inputs, arrays (N, ...) by name; those
            that the file has not are left out.
        blocked: names of the modules; by default those that such a file must
            not need.

    Returns:
        `Answers`.

    Raises:
        ExportError: if the process fails.
    """
    exported = Path(exported)
    blocked = blocked_for(exported) if blocked is None else blocked
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(asked, **_flat(requests))
        script = Path(__file__).with_name("clean_process.py")
        done = run_python(script, exported, asked, answered, ",".join(blocked))
        if done.returncode:
            raise ExportError(
                f"{exported} does not run in a process without "
                f"{', '.join(blocked)} (exit code {done.returncode}): "
                f"{done.stderr.strip()[-2000:]}"
            )
        with np.load(answered) as arrays:
            return _answers(requests, arrays)


def _flat(requests: dict[str, Arrays]) -> Arrays:
    return {
        f"{signature}/{name}": value
        for signature, inputs in requests.items()
        for name, value in inputs.items()
    }


def _answers(requests: dict[str, Arrays], arrays: Arrays) -> Answers:
    signatures = {}
    for signature in requests:
        runs = tuple(
            _below(f"{signature}/{run}/", arrays)
            for run in ("together", "singly")
        )
        if runs[0]:
            signatures[signature] = runs
    return Answers(signatures, float(arrays["latency_ms"]))


def _below(prefix: str, arrays: Arrays) -> Arrays:
    return {
        name.removeprefix(prefix): arrays[name]
        for name in arrays
        if name.startswith(prefix)
    }
