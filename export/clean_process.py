"""Runs exported files where what they must not need cannot be imported.

Run by its path in a process of its own, never as a part of the package:

    python -P clean_process.py EXPORTED EXAMPLES OUTPUTS BLOCKED

EXPORTED is a SavedModel or a TFLite file, EXAMPLES an .npy file of images,
OUTPUTS the .npz file to write, BLOCKED module names with commas between.
"""

import importlib.util
import sys
import time
from pathlib import Path

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


def run(exported: str, examples: str, outputs: str) -> None:
    """Predicts all examples together and one by one, and measures time."""
    file = Path(__file__).with_name("predict.py")
    spec = importlib.util.spec_from_file_location("predict", file)
    predict = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(predict)
    images = np.load(examples)
    model = predict.load_exported(exported, num_threads=1)
    together = model.predict(images)
    singles = [model.predict(image[None]) for image in images]
    np.savez(
        outputs,
        latency_ms=_latency_ms(model, images[:1]),
        **{f"together/{name}": value for name, value in together.items()},
        **{
            f"singly/{name}": np.concatenate([s[name] for s in singles])
            for name in singles[0]
        },
    )


def _latency_ms(model: object, image: np.ndarray) -> float:
    """Median milliseconds of one image."""
    for _ in range(NUM_WARM_UP):
        model.predict(image)
    times = []
    for _ in range(NUM_CALLS):
        start = time.perf_counter()
        model.predict(image)
        times.append(time.perf_counter() - start)
    return float(np.median(times) * 1000)


if __name__ == "__main__":
    sys.meta_path.insert(0, Blocker(sys.argv[4].split(",")))
    run(*sys.argv[1:4])
