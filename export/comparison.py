"""What an exported file answered, beside what the Keras model did."""

import dataclasses

import numpy as np

from .references import Arrays, Reference

TOLERANCE = 1e-4
# Outputs that are compared as shares of the longer side of the image.
IN_PIXELS = ("squares", "outlines")


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """How answers to N examples differ from those of Keras.

    Attributes:
        found: outputs to their greatest difference in each example (N,); of
            an example that was moved, from Keras looking at the same places.
        moved: (N,) bool, the examples in which rounding moved a glimpse.
        wrong: (N,) bool, the examples that differ, and were not moved.
    """

    found: dict[str, np.ndarray]
    moved: np.ndarray
    wrong: np.ndarray


def compare(reference: Reference, outputs: Arrays) -> Comparison:
    """Compares what a file answered to a request.

    Args:
        reference: the request.
        outputs: the answer, arrays (N, ...) by name.
    """
    expected = _in_shares(reference, reference.outputs)
    outputs = _in_shares(reference, outputs)
    found = differences(expected, outputs)
    wrong = exceeding(found)
    moved = np.zeros_like(wrong)
    if wrong.any() and _has_places(expected, outputs):
        these = {name: outputs[name][wrong] for name in expected}
        at_its_places = reference.at(wrong, these["location"])
        same = differences(_in_shares(reference, at_its_places), these)
        as_drawn = {name: value[wrong] for name, value in expected.items()}
        moved[wrong] = ~exceeding(same) & _drawn_alike(as_drawn, these)
        for name, values in same.items():
            found[name][moved] = values[moved[wrong]]
    return Comparison(found, moved, wrong & ~moved)


def differences(reference: Arrays, outputs: Arrays) -> Arrays:
    """The greatest difference of each output in each example.

    It is absolute up to 1, and relative to what is larger: the grid of a
    projection reaches far outside of the image.

    Args:
        reference: outputs of the Keras model.
        outputs: those of an exported file.

    Returns:
        Dict of the outputs to (N,); infinite where an output is missing or
        of another shape.
    """
    return {
        name: _difference(expected, outputs.get(name))
        for name, expected in reference.items()
    }


def exceeding(found: Arrays) -> np.ndarray:
    """Which examples have a difference beyond `TOLERANCE`, (N,) bool.

    Different classes and indices differ by one at least.
    """
    # Written so that NaN counts as different.
    within = [difference <= TOLERANCE for difference in found.values()]
    return ~np.all(within, axis=0)


def _difference(expected: np.ndarray, found: np.ndarray | None) -> np.ndarray:
    if found is None or found.shape != expected.shape:
        return np.full(len(expected), np.inf)
    difference = np.abs(found.astype("float64") - expected.astype("float64"))
    if np.issubdtype(expected.dtype, np.floating):
        difference /= np.maximum(1, np.abs(expected))
    return difference.reshape(len(expected), -1).max(axis=1)


def _has_places(reference: Arrays, outputs: Arrays) -> bool:
    """Whether answers say where each glimpse was, and where its mean."""
    return {"location", "location_mean"} <= reference.keys() and all(
        name in outputs and outputs[name].shape == expected.shape
        for name, expected in reference.items()
    )


def _drawn_alike(reference: Arrays, outputs: Arrays) -> np.ndarray:
    """In which examples all glimpses lie as far from their means."""
    expected, found = (
        {"from the mean": one["location"] - one["location_mean"]}
        for one in (reference, outputs)
    )
    return ~exceeding(differences(expected, found))


def _in_shares(reference: Reference, outputs: Arrays) -> Arrays:
    return {
        name: value / max(reference.inputs["image"].shape[1:3])
        if name in IN_PIXELS
        else value
        for name, value in outputs.items()
    }
