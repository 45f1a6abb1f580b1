"""What a model's outputs say about each image, in plain values."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def answers(
    outputs: dict[str, np.ndarray], labels: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Turns the outputs of an exported model into one dict for each image.

    Args:
        outputs: what `ExportedModel.predict` returned for B images.
        labels: names of the classes; by default their numbers.

    Returns:
        B dicts that JSON can hold: `class`, its `label` and `probability`,
        and the `location` of each glimpse, (x, y) in [-1, 1], if the model
        takes glimpses; those that were taken, where it stopped early. If
        several layers take some, their names come first: `coarse_location`.

    Example:
    >>> outputs = {"class": np.array([1]), "probabilities": np.eye(2)[1:]}
    >>> answers(outputs, ["cat", "dog"])
    [{'class': 1, 'label': 'dog', 'probability': 1.0}]
    """
    return [
        _answer({name: value[i] for name, value in outputs.items()}, labels)
        for i in range(len(outputs["class"]))
    ]


def _answer(
    outputs: dict[str, np.ndarray], labels: Sequence[str] | None
) -> dict[str, Any]:
    index = int(outputs["class"])
    return {
        "class": index,
        "label": labels[index] if labels else str(index),
        "probability": float(outputs["probabilities"][index]),
        **{
            name: _locations(outputs, name)
            for name in outputs
            if name == "location" or name.endswith("_location")
        },
    }


def _locations(outputs: dict[str, np.ndarray], name: str) -> list:
    # Where it stopped early the last place is repeated.
    taken = outputs.get(name.removesuffix("location") + "num_glimpses")
    return outputs[name][:taken].tolist()
