"""Makes the package known without running it.

Running it imports TensorFlow, which takes seconds and memory that serving a
TFLite file has no need of.
"""

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec

PACKAGES = ("keras_attention", "keras_attention.export")


def know_packages() -> None:
    """Lets modules be imported whose packages are not run.

    For a process that imports nothing else of them; where they have been run
    already they stay as they are.
    """
    path = None
    for name in PACKAGES:
        if name not in sys.modules:
            sys.modules[name] = importlib.util.module_from_spec(
                _spec(name, path)
            )
        path = sys.modules[name].__path__


def _spec(name: str, path: Sequence[str] | None) -> ModuleSpec:
    """The spec of a module; importlib's own search runs what is above it."""
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path)
        if spec is not None:
            return spec
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)
