"""The page of an export: made with examples of its recipe, and opened."""

import time
import webbrowser
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_attention import training
from keras_attention.export import web
from keras_attention.training import recipes
from keras_attention.training.canvas_sets import AnyCanvas

# Ready-made images: so many of each class, and so many in all.
NUM_EACH, NUM_EXAMPLES = 2, 20
NUM_DIGITS = 60


def make_page(
    exported: Path,
    out: Path,
    recipe: str | None = None,
    data_dir: str | None = None,
    report: Callable[[str], None] = print,
) -> Path:
    """Makes the page of an export.

    Args:
        exported: Its folder.
        out: As of `web.make_site`.
        recipe: Name of the recipe whose test set to take examples from; by
            default its own.
        data_dir: Folder of TFDS, if it has moved.
        report: Is told what there is to know.

    Returns:
        The folder of the page.
    """
    card = web.read_card(exported)
    recipe = recipe or card.get("metadata", {}).get("recipe")
    report("Making the page; the first time npm installs LiteRT.js")
    samples = None
    if recipe is not None:
        try:
            samples = samples_of(recipe, data_dir)
        except (ValueError, FileNotFoundError) as error:
            report(f"The page has no ready-made images: {error}")
    return web.make_site(exported, out, samples=samples)


def samples_of(name: str, data_dir: str | None = None) -> web.Samples:
    """What there is to try of a recipe: the first test images of each class.

    Args:
        name: Name of the recipe.
        data_dir: Folder of TFDS, if it has moved.

    Raises:
        ValueError: If there is no such recipe, or its images have several
            labels.
    """
    recipe = recipes.get(name)
    test = training.load_test_set(recipe, data_dir)
    if test.labels.ndim != 1:
        raise ValueError(
            "A page shows one answer for each image. Received: the recipe "
            f"{name!r}, whose images have {test.labels.shape[1]} labels"
        )
    digits = training.load_digits(recipe.source, data_dir)["test"].images
    first = [
        np.flatnonzero(test.labels == label)[:NUM_EACH]
        for label in np.unique(test.labels)
    ]
    chosen = np.concatenate(first)[:NUM_EXAMPLES]
    return web.Samples(
        test.images[chosen],
        test.labels[chosen],
        digits[:NUM_DIGITS],
        *_clutter(recipe.canvas),
    )


def _clutter(canvas: AnyCanvas) -> tuple[int, int]:
    """Side and number of the pieces on a canvas; the page adds such."""
    canvas = getattr(canvas, "canvas", canvas)  # that of pairs and rows
    if not isinstance(canvas, training.Canvas):
        return 0, 0
    return canvas.distractor_size, canvas.num_distractors


def show_page(
    folder: Path, port: int, started: Callable[[str], None] = print
) -> None:
    """Serves a page to browsers of this machine, opens one, until Ctrl-C.

    Args:
        folder: What `make_page` made.
        port: As of `web.serve_site`.
        started: Is told the address.
    """
    with web.serve_site(folder, port) as address:
        started(address)
        webbrowser.open(address)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return
