"""Labelled images, with what matters in them, from any form of a data set."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

# Names of a data set's parts, and the names of ours.
NAMES = {
    "images": ("images", "image"),
    "labels": ("labels", "label"),
    "boxes": ("boxes", "box"),
    "masks": ("masks", "mask"),
}
# A box may stick out of its image, but not by another image.
FARTHEST = 3.0


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled images, and where what matters in them is.

    Attributes:
        images: (N, H, W, C).
        labels: Integers, (N,).
        boxes: (N, 4), x_min, y_min, x_max, y_max: the centres of the first
            and last columns and rows of pixels of what matters, in [-1, 1],
            where (-1, -1) is the centre of the image's top-left pixel and
            (1, 1) of its bottom-right one; (N, M, 4) where M objects in every
            image matter. Or None.
        masks: (N, H, W), positive where what matters is, as one object; or
            None.
    """

    images: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray | None = None
    masks: np.ndarray | None = None

    def __post_init__(self):
        """Checks that all fits together."""
        _check_images_and_labels(self.images, self.labels)
        if self.boxes is not None and self.masks is not None:
            raise ValueError(
                "A data set says what matters by `boxes` or by `masks`. "
                "Received: both"
            )
        if self.boxes is not None:
            _check_boxes(self.boxes, len(self.labels))
        if self.masks is not None:
            _check_masks(self.masks, self.images.shape[:3])

    @property
    def has_objects(self) -> bool:
        """Whether it is known where what matters is."""
        return self.boxes is not None or self.masks is not None


def read_examples(dataset: Any) -> Examples:
    """Reads a data set into memory.

    Args:
        dataset: `Examples`; an object with the attributes `images`, `labels`
            and perhaps `boxes` or `masks`, such as a `CanvasSet`; a dict of
            these, whose names may be in the singular; a tuple (images,
            labels) or (images, labels, boxes); or a `tf.data.Dataset` of such
            dicts or tuples, in batches or one by one. See `Examples`.

    Returns:
        `Examples`.

    Raises:
        ValueError: If something is missing, endless, empty, of a wrong shape
            or out of range.
    """
    if isinstance(dataset, Examples):
        return dataset
    if isinstance(dataset, tf.data.Dataset):
        return Examples(**_joined(dataset))
    parts = _parts(dataset)
    arrays = {name: np.asarray(value) for name, value in parts.items()}
    return Examples(**_tidy(arrays))


def _parts(element: Any) -> dict[str, Any]:
    """The parts of a data set, or of a batch of it, under our names."""
    if isinstance(element, tuple) and not hasattr(element, "_fields"):
        named = dict(zip(("images", "labels", "boxes"), element, strict=False))
    elif isinstance(element, dict):
        named = element
    else:
        names = [name for ours in NAMES.values() for name in ours]
        named = {name: getattr(element, name, None) for name in names}
    parts = {
        ours: named[name]
        for ours, names in NAMES.items()
        for name in names
        if named.get(name) is not None
    }
    missing = [name for name in ("images", "labels") if name not in parts]
    if missing:
        given = list(named) if isinstance(element, dict) else type(element)
        raise ValueError(
            "A data set must have `images` and `labels`, as attributes, keys "
            "or a tuple. Missing: "
            f"{', '.join(missing)}. Received: {given}"
        )
    return parts


def _joined(dataset: tf.data.Dataset) -> dict[str, np.ndarray]:
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "The data set is endless: give `dataset.take(num_batches)`."
        )
    elements = [_parts(element) for element in dataset.as_numpy_iterator()]
    if not elements:
        raise ValueError("The data set is empty.")
    join = np.stack if np.ndim(elements[0]["images"]) == 3 else np.concatenate
    return _tidy(
        {
            name: join([element[name] for element in elements])
            for name in elements[0]
        }
    )


def _tidy(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Without the last axis of masks and labels, where it is a single one."""
    for name, rank in (("labels", 1), ("masks", 3)):
        array = arrays.get(name)
        if array is not None and array.shape[rank:] == (1,):
            arrays[name] = array[..., 0]
    return arrays


def _check_images_and_labels(images: np.ndarray, labels: np.ndarray) -> None:
    if images.ndim != 4 or 0 in images.shape[1:]:
        raise ValueError(
            "`images` must have the shape (N, H, W, C). "
            f"Received: images.shape={images.shape}"
        )
    if len(images) == 0:
        raise ValueError("The data set is empty.")
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            "`labels` must be one whole number, not several, for each of the "
            f"{len(images)} images. Received: labels.shape={labels.shape}, "
            f"labels.dtype={labels.dtype}"
        )


def _check_boxes(boxes: np.ndarray, num_images: int) -> None:
    if (
        boxes.ndim not in (2, 3)
        or (len(boxes), boxes.shape[-1]) != (num_images, 4)
        or 0 in boxes.shape
    ):
        raise ValueError(
            f"`boxes` must have the shape ({num_images}, 4), or ({num_images}, "
            f"M, 4) of M objects. Received: boxes.shape={boxes.shape}"
        )
    form = (
        "A box is (x_min, y_min, x_max, y_max) in [-1, 1], (-1, -1) the "
        "centre of the image's top-left pixel and (1, 1) of its bottom-right "
        "one"
    )
    first, last = boxes[..., :2], boxes[..., 2:]
    for wrong, what in (
        (~np.isfinite(boxes), "holds no number"),
        (np.abs(boxes) > FARTHEST, "seems to be in pixels"),
        (first > last, "ends before it starts"),
        ((first > 1) | (last < -1), "lies outside the image"),
    ):
        at = np.argwhere(wrong.any(axis=-1)).tolist()
        if at:
            raise ValueError(
                f"{form}. Received: boxes{at[0]}="
                f"{boxes[tuple(at[0])].tolist()}, which {what}"
            )


def _check_masks(masks: np.ndarray, shape: tuple[int, ...]) -> None:
    if masks.shape != shape:
        raise ValueError(
            f"`masks` must have the shape {shape} of the images. "
            f"Received: masks.shape={masks.shape}"
        )
    if masks.dtype.kind == "f" and not np.isfinite(masks).all():
        raise ValueError("`masks` must be finite. Received: NaN or infinity")
    if masks.min() < 0:
        raise ValueError(
            f"`masks` must not be negative. Received: {masks.min()}"
        )
    empty = np.flatnonzero(masks.max(axis=(1, 2)) == 0)
    if len(empty):
        raise ValueError(
            "`masks` must be positive somewhere in every image: leave out "
            f"images without an object. Received: masks[{empty[0]}] is 0 "
            "everywhere"
        )
