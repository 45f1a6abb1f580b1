"""Runs exported files where what they must not need cannot be imported.

Run by its path in a process of its own, never as a part of the package:

    python -P clean_process.py EXPORTED REQUESTS ANSWERS BLOCKED

EXPORTED is a SavedModel or a TFLite or ONNX file. REQUESTS is an .npz file of
arrays named SIGNATURE/INPUT; of signatures that there are not they are left
out. ANSWERS is the .npz file to write: arrays SIGNATURE/together/OUTPUT of all
rows at once, SIGNATURE/singly/OUTPUT of each row alone, and `latency_ms`.
BLOCKED are module names with commas between.
"""

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np

NUM_WARM_UP, NUM_CALLS = 50, 400


class Blocker:
    """Finder of modules that refuses some of them."""

    def __init__(self, names: list[str]):
        """Refuses the modules of these names, and all inside them."""
        self.names = names

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """Refuses a blocked module; knows nothing of the others."""
        if name.split(".")[0] in self.names:
            raise ImportError(f"{name} is blocked in this process")


def run(exported: str, requests: str, answers: str) -> None:
    """Answers all requests together and one by one, and measures time."""
    runtimes = _runtimes()
    runtime = _loaded(runtimes, Path(exported))
    with np.load(requests) as arrays:
        asked: dict[str, dict] = {}
        for key in arrays:
            signature, _, name = key.partition("/")
            asked.setdefault(signature, {})[name] = arrays[key]
    found = {"latency_ms": _latency_ms(runtime, asked[runtimes.SIGNATURE])}
    for signature in asked.keys() & runtime.signatures.keys():
        inputs = asked[signature]
        together = runtime.answer(signature, inputs)
        singly = [
            runtime.answer(signature, _rows(inputs, slice(i, i + 1)))
            for i in range(len(next(iter(inputs.values()))))
        ]
        for name, value in together.items():
            found[f"{signature}/together/{name}"] = value
            found[f"{signature}/singly/{name}"] = np.concatenate(
                [one[name] for one in singly]
            )
    np.savez(answers, **found)


def _runtimes() -> ModuleType:
    """The module `runtimes`, without the package that it is a part of."""
    file = Path(__file__).with_name("runtimes.py")
    spec = importlib.util.spec_from_file_location("runtimes", file)
    runtimes = importlib.util.module_from_spec(spec)
    sys.modules["runtimes"] = runtimes  # dataclasses look themselves up
    spec.loader.exec_module(runtimes)
    return runtimes


def _loaded(runtimes: ModuleType, exported: Path) -> object:
    if exported.suffix == ".tflite":
        return runtimes.load_tflite(exported, 1)
    if exported.suffix == ".onnx":
        return runtimes.load_onnx(exported, 1)
    return runtimes.load_saved_model(exported)


def _rows(inputs: dict, rows: slice) -> dict:
    return {name: value[rows] for name, value in inputs.items()}


def _latency_ms(runtime: object, inputs: dict) -> float:
    """Median milliseconds of one image."""
    one = _rows(inputs, slice(0, 1))
    times = []
    for _ in range(NUM_WARM_UP + NUM_CALLS):
        start = time.perf_counter()
        runtime.answer("serving_default", one)
        times.append(time.perf_counter() - start)
    return float(np.median(times[NUM_WARM_UP:]) * 1000)


if __name__ == "__main__":
    sys.meta_path.insert(0, Blocker(sys.argv[4].split(",")))
    run(*sys.argv[1:4])
