"""Whether what matters was in view, and where else a model could look.

At every step there is a share in [0, 1]: of crops, the share of the object
that lies in the crop (of glimpses: in the finest one); of soft masks and of
items, the share of the attention that lies on the object. The object is in
view, a hit, where

    share >= threshold * best

with the best share that a crop of this size, or that attention to this map,
can have of this object. (A small crop on a large object cannot show all of
it, and is not blamed for that here.)

Where several objects are in an image, each has a `View` of its own. That is
told of glimpses alone: attention that is spread shows all at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .bootstrap import percent
from .coverage import Objects, overlap, polygon_areas
from .looking import Looked


@dataclass(frozen=True, eq=False)
class View:
    """What of an object was in view, in each image.

    Attributes:
        shares: (N, T), see above.
        best: (N, T) or (N, 1), the largest share that is possible.
        overlaps: (N, T), intersection over union of object and crop, or None
            where there are no crops.
        hits: (N, T) booleans.
    """

    shares: np.ndarray
    best: np.ndarray
    overlaps: np.ndarray | None
    hits: np.ndarray

    @classmethod
    def of(
        cls,
        shares: np.ndarray,
        best: np.ndarray,
        overlaps: np.ndarray | None,
        threshold: float,
    ) -> "View":
        """Compares with the best, but for rounding."""
        hits = (shares >= threshold * best - 1e-6) & (shares > 0)
        return cls(shares, best, overlaps, hits)


def view(looked: Looked, objects: Objects, threshold: float) -> View:
    """What of an object a model had in view."""
    if looked.kind == "glimpses":
        return _of_squares(looked, objects, threshold)
    if looked.kind == "transformer":
        return _of_outlines(looked.outlines(), objects, threshold)
    masks = looked.masks()
    cells = objects.on_cells(*masks.shape[2:])
    shares = np.einsum("ntrc,nrc->nt", masks, cells)
    return View.of(shares, _best_on(cells, looked), None, threshold)


def view_by_chance(
    looked: Looked,
    objects: Objects,
    threshold: float,
    generator: np.random.Generator,
) -> View:
    """What would be in view of attention that knows nothing of the image.

    Of soft attention, if it were uniform; of crops, if each were moved to a
    place drawn uniformly; of chosen items, if they were drawn uniformly.
    """
    if looked.kind == "glimpses":
        location = looked.attention["location"]
        random = generator.uniform(-1, 1, location.shape)
        attention = {"location": random.astype("float32")}
        return _of_squares(looked.attending(attention), objects, threshold)
    if looked.kind == "transformer":
        outlines = looked.outlines()
        height, width = looked.image_shape
        sides = np.array([width, height])
        places = generator.uniform(size=(*outlines.shape[:3], 1, 2))
        outlines -= outlines.mean(axis=3, keepdims=True)
        outlines += places * sides - 0.5
        return _of_outlines(outlines, objects, threshold)
    if "indices" in looked.attention:
        attention = {
            **looked.attention,
            "indices": _uniform_items(looked, generator),
        }
        return view(looked.attending(attention), objects, threshold)
    cells = objects.on_cells(*looked.masks().shape[2:])
    shares = cells.mean(axis=(1, 2))[:, None]
    shares = np.repeat(shares, looked.num_steps, axis=1)
    return View.of(shares, _best_on(cells, looked), None, threshold)


def in_turn(order: np.ndarray, num_steps: int, k: int) -> np.ndarray:
    """Of all items in an order the next k at each step, -1 after the last.

    Args:
        order: (N, items), all items of each image.
        num_steps: T.
        k: How many are chosen at a step.

    Returns:
        (N, T, k) int32.
    """
    count = num_steps * k
    missing = max(count - order.shape[1], 0)
    order = np.pad(order, [(0, 0), (0, missing)], constant_values=-1)
    return order[:, :count].reshape(-1, num_steps, k).astype("int32")


def _uniform_items(
    looked: Looked, generator: np.random.Generator
) -> np.ndarray:
    """Items drawn uniformly, as many as were chosen: (N, T, k)."""
    count, num_steps, k = looked.attention["indices"].shape
    num_items = looked.attention["attention_weights"].shape[-1]
    if looked.geometry["never_twice"]:
        order = generator.random((count, num_items)).argsort(axis=-1)
        return in_turn(order, num_steps, k)
    order = generator.random((count, num_steps, num_items)).argsort(axis=-1)
    return order[..., :k]


def all_in_view(seen: Sequence[View]) -> np.ndarray:
    """Whether all objects of an image were in view, at any steps: (N,)."""
    return np.all([one.hits.any(axis=1) for one in seen], axis=0)


def view_figures(seen: Sequence[View]) -> dict:
    """The figures of views of all objects, in percent.

    Returns:
        Dict of `any_percent`, of the images where all were in view;
        `each_percent`, of the objects that were; `last_percent` and
        `per_step_percent`, of the objects in view at the last and at each
        step; and the means of shares, of the best shares and of overlaps.
    """
    hits = np.stack([one.hits for one in seen])  # (M, N, T)
    has_crops = seen[0].overlaps is not None
    return {
        "any_percent": percent(all_in_view(seen)),
        "each_percent": percent(hits.any(axis=-1)),
        "last_percent": percent(hits[..., -1]),
        "per_step_percent": [percent(at) for at in np.moveaxis(hits, -1, 0)],
        "share_percent": percent([one.shares for one in seen]),
        "best_share_percent": percent([one.best for one in seen]),
        "overlap_percent": percent([one.overlaps for one in seen])
        if has_crops
        else None,
    }


def halves(objects: Sequence[Objects], seen: Sequence[View]) -> dict:
    """How often the objects in each half of the image are in view."""
    centres = np.concatenate([one.centres for one in objects])
    hits = np.concatenate([one.hits.any(axis=1) for one in seen])
    found = {
        "left": centres[:, 0] < 0,
        "right": centres[:, 0] > 0,
        "top": centres[:, 1] < 0,
        "bottom": centres[:, 1] > 0,
    }
    return {
        name: {"objects": int(here.sum()), "hit_percent": percent(hits[here])}
        for name, here in found.items()
    }


def widest_share(looked: Looked, objects: Objects) -> np.ndarray | None:
    """The best share that the widest crop can have of each object: (N,).

    None where nothing is cropped.
    """
    if looked.kind == "glimpses":
        scale = looked.geometry["num_scales"] - 1
        return objects.best_share(*_size(looked.squares(scale)))
    if looked.kind == "transformer":
        areas = polygon_areas(looked.outlines()).max(axis=(1, 2))
        return np.minimum(areas / objects.areas, 1)
    return None


def _of_squares(looked: Looked, objects: Objects, threshold: float) -> View:
    squares = looked.squares()
    common = objects.in_rectangles(squares)  # (N, T)
    areas = objects.areas[:, None]
    width, height = _size(squares)
    best = objects.best_share(width, height)[:, None]
    overlaps = overlap(common, areas, width * height)
    return View.of(common / areas, best, overlaps, threshold)


def _of_outlines(
    outlines: np.ndarray, objects: Objects, threshold: float
) -> View:
    count, num_steps, num_crops = outlines.shape[:3]
    flat = outlines.reshape(count, -1, *outlines.shape[3:])
    common = objects.in_polygons(flat)  # (N, T * n)
    areas, of_crops = objects.areas[:, None], polygon_areas(flat)
    shares, overlaps, best = (
        # Of several crops, the one that shows it best.
        values.reshape(count, num_steps, num_crops).max(axis=2)
        for values in (
            common / areas,
            overlap(common, areas, of_crops),
            np.minimum(of_crops / areas, 1),
        )
    )
    return View.of(shares, best, overlaps, threshold)


def _size(squares: np.ndarray) -> tuple[float, float]:
    """Width and height of the crops, all of one size."""
    x_min, y_min, x_max, y_max = squares[0, 0].astype("float64")
    return x_max - x_min, y_max - y_min


def _best_on(cells: np.ndarray, looked: Looked) -> np.ndarray:
    """The best cells, as many as are chosen, carry all the attention."""
    indices = looked.attention.get("indices")
    count = 1 if indices is None else indices.shape[-1]
    flat = np.sort(cells.reshape(len(cells), -1), axis=1)[:, -count:]
    return flat.mean(axis=1)[:, None]
