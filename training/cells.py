"""The four cells of a diagnosis: looked right or not, answered right or not.

Where it is not known what was in view there are two: right and wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .bootstrap import percent
from .coverage import Objects
from .elsewhere import probabilities
from .examples import Examples
from .looking import Looked

# Of each cell, how many of its worst examples are kept for the page.
NUM_WORST = 4
CELLS = ("hit_right", "hit_wrong", "missed_right", "missed_wrong")
REDUCED_CELLS = ("right", "wrong")


@dataclass(frozen=True, eq=False)
class Worst:
    """The worst of a cell: most sure if wrong, least sure if right.

    Its boxes are (n, M, 4), of M objects in each of n images.
    """

    indices: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    looked: Looked
    boxes: np.ndarray | None


def cells_of(wrong: np.ndarray, hits: np.ndarray | None) -> dict:
    """Which images are in which cell."""
    if hits is None:
        values = (~wrong, wrong)
        return dict(zip(REDUCED_CELLS, values, strict=True))
    values = (hits & ~wrong, hits & wrong, ~hits & ~wrong, ~hits & wrong)
    return dict(zip(CELLS, values, strict=True))


def by_class(
    labels: np.ndarray,
    wrong: np.ndarray,
    hits: np.ndarray | None,
    num_classes: int,
) -> list[dict]:
    """The table of every class; what has no images has no percentages."""
    rows = []
    for label in range(num_classes):
        here = labels == label
        cells = cells_of(wrong[here], None if hits is None else hits[here])
        rows.append(
            {
                "class": label,
                "images": int(here.sum()),
                "error_percent": percent(wrong[here]),
                "hit_percent": None if hits is None else percent(hits[here]),
                **{name: int(one.sum()) for name, one in cells.items()},
            }
        )
    return rows


def worst_of(
    examples: Examples,
    looked: Looked,
    objects: Sequence[Objects] | None,
    wrong: np.ndarray,
    hits: np.ndarray | None,
) -> dict[str, Worst]:
    """The worst examples of every cell that has any."""
    sure = probabilities(looked.final_scores).numpy().max(axis=1)
    worst = {}
    for name, rows in cells_of(wrong, hits).items():
        indices = np.flatnonzero(rows)
        by = sure[indices] if name.endswith("right") else -sure[indices]
        indices = indices[np.argsort(by, kind="stable")][:NUM_WORST]
        if len(indices):
            worst[name] = Worst(
                indices,
                examples.images[indices],
                examples.labels[indices],
                looked.take(indices),
                objects
                and np.stack([one.normalised[indices] for one in objects], 1),
            )
    return worst
