"""The recipes, by name: each is a short file of this folder."""

import importlib
import pkgutil

from ..recipe import Recipe


def names() -> list[str]:
    """Names of all recipes."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get(name: str) -> Recipe:
    """A recipe.

    Args:
        name: One of `names()`.

    Raises:
        ValueError: If there is no such recipe.
    """
    if name not in names():
        raise ValueError(
            f"There is no recipe of this name. Received: {name!r}, known: "
            f"{', '.join(names())}"
        )
    return importlib.import_module(f"{__name__}.{name}").RECIPE
