"""Tells where a model fails: in the wrong place, or in reading the right one.

The same trained recogniser is asked what it reads when it looks as it
learned to, and when it is shown where what matters is:

    attention error   = error as learned - error at the truth (the oracle)
    recognition error = error at the truth

Both with an interval that holds 95 of 100 bootstrap samples of the images.
Besides, every image is put into one of four cells: what matters was in view,
or not (of several objects: all of them); the answer was right, or wrong. What
follows from the figures is in `training.verdict`.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

import keras_attention
from keras_attention.ops.checks import check_share

from .bootstrap import interval, percent, rounded
from .cells import Worst, by_class, cells_of, worst_of
from .coverage import Objects
from .elsewhere import ORACLE, averaged_scores, is_hard, look_elsewhere
from .examples import Examples, read_examples
from .looking import Looked, hard_layers, look, stepwise_model
from .verdict import judge
from .views import (
    all_in_view,
    halves,
    view,
    view_by_chance,
    view_figures,
    widest_share,
)


class Diagnosis(dict):
    """The figures, plain numbers and texts that JSON can hold.

    Attributes:
        worst: `Worst` examples by the name of their cell, for the pictures of
            the page. They are not among the figures.
    """

    def __init__(self, figures: dict, worst: dict[str, Worst]):
        super().__init__(figures)
        self.worst = worst


def diagnose(
    model: keras.Model,
    dataset: Any,
    *,
    threshold: float = 0.5,
    num_averaged: int = 0,
    class_names: Sequence[str] | None = None,
    seed: int = 0,
    **looking: Any,
) -> Diagnosis:
    """Tells whether a model looks at the wrong place or reads wrongly.

    Args:
        model: Any Keras model from images to scores of classes, with an
            attention layer of this package in it.
        dataset: Images, labels and, where they are known, boxes or masks of
            what matters: a `CanvasSet`, a dict, a tuple, or a
            `tf.data.Dataset` of dicts or tuples; see
            `training.examples.read_examples`. Without boxes or masks the
            diagnosis is a reduced one.
        threshold: From which part of the best possible share on an object is
            in view, see `training.views`.
        num_averaged: Of how many samples of hard attention the probabilities
            are averaged as a further policy; 0 for none.
        class_names: What the labels 0, 1, ... stand for, for the sentences and
            the page; by default they tell the labels.
        seed: Of sampled and random places, and of the bootstrap.
        **looking: `layer`, `item_grid`, `glimpse_size` and `batch_size`, as
            of `training.looking.look`.

    Returns:
        A dict, see `docs/diagnosis.md`. All errors are in percent.

    Raises:
        ValueError: If the model has no attention, the data set is not as it
            should be, or there is not a name for each class.
    """
    check_share("threshold", threshold)
    examples = read_examples(dataset)
    generator = np.random.default_rng(seed)
    stepwise, why_not = stepwise_model(model)
    notes = [f"No errors after every step: {why_not}"] if why_not else []
    with _noise_of_its_own(model, seed):
        with keras_attention.policy("mode"):
            learned = look(stepwise, examples.images, **looking)
        num_classes = learned.final_scores.shape[1]
        _check_labels(examples.labels, num_classes)
        class_names = _class_names(class_names, num_classes)
        objects = _objects(model, examples, learned, notes)
        runs = look_elsewhere(
            stepwise, examples.images, learned, objects, generator, looking
        )
        scores = {name: run.final_scores for name, run in runs.items()}
        if num_averaged and is_hard(learned):
            scores["averaged"] = averaged_scores(
                model,
                examples.images,
                num_averaged,
                looking.get("batch_size", 500),
            )
    labels = examples.labels
    wrong = {name: _wrong(values, labels) for name, values in scores.items()}
    figures = {
        "model": model.name,
        "layer": learned.layer,
        "kind": learned.kind,
        "hard": is_hard(learned),
        "num_images": len(labels),
        "num_classes": num_classes,
        "class_names": class_names,
        "num_steps": learned.num_steps,
        "num_objects": objects and len(objects),
        "threshold": threshold,
        **_of_errors(wrong, runs, labels, generator),
        **_of_views(learned, objects, wrong, labels, threshold, generator),
        "spread": _spread(learned),
        "confused": _confused(runs.get(ORACLE, learned), labels),
        "notes": notes,
    }
    hits = figures.pop("hits")
    figures["classes"] = by_class(labels, wrong["learned"], hits, num_classes)
    worst = worst_of(examples, learned, objects, wrong["learned"], hits)
    figures["examples"] = {
        name: one.indices.tolist() for name, one in worst.items()
    }
    return Diagnosis({**judge(figures), **figures}, worst)


@contextlib.contextmanager
def _noise_of_its_own(model: keras.Model, seed: int) -> Iterator[None]:
    """Makes samples repeatable; leaves the model's random numbers alone."""
    states = [
        variable
        for variable in model.variables
        if variable.path.endswith("seed_generator_state")
    ]
    before = [state.numpy() for state in states]
    for i, state in enumerate(states):
        state.assign(np.array([seed, i], "uint32"))
    try:
        yield
    finally:
        for state, value in zip(states, before, strict=True):
            state.assign(value)


def _check_labels(labels: np.ndarray, num_classes: int) -> None:
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"`labels` must lie in 0 .. {num_classes - 1}, the classes that "
            f"the model scores. Received: {labels.min()} .. {labels.max()}"
        )


def _class_names(
    class_names: Sequence[str] | None, num_classes: int
) -> list[str]:
    if class_names is None:
        return [str(label) for label in range(num_classes)]
    if len(class_names) != num_classes:
        raise ValueError(
            f"`class_names` must hold {num_classes} names, one for each class "
            f"that the model scores. Received: {len(class_names)} names"
        )
    return [str(name) for name in class_names]


def _objects(
    model: keras.Model, examples: Examples, learned: Looked, notes: list[str]
) -> list[Objects] | None:
    if not examples.has_objects:
        notes.append(
            "Without boxes or masks of the objects it cannot be told whether "
            "the place or the reading was wrong."
        )
        return None
    if learned.kind == "items" and learned.geometry["item_grid"] is None:
        notes.append(
            "It is not known where the items lie in the image: give "
            "`item_grid=(rows, columns)` to use the boxes."
        )
        return None
    hard = hard_layers(model)
    if is_hard(learned) and len(hard) > 1:
        notes.append(
            f"{' and '.join(hard)} choose where to look: what is forced is "
            "forced on all of them, so that the truth can not be shown to one."
        )
        return None
    objects = Objects.of(examples)
    if len(objects) > 1 and (
        learned.kind != "glimpses" or len(objects) > learned.num_steps
    ):
        notes.append(
            "Several objects can be shown to glimpses, one after the other, at "
            f"least one for each. Here {len(objects)} objects are to be shown "
            f"in {learned.num_steps} steps of the kind {learned.kind!r}."
        )
        return None
    return objects


def _wrong(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether each answer is wrong; one that is no number is."""
    is_number = np.isfinite(scores).all(axis=-1)
    return (scores.argmax(axis=-1) != labels) | ~is_number


def _of_errors(
    wrong: dict[str, np.ndarray],
    runs: dict[str, Looked],
    labels: np.ndarray,
    generator: np.random.Generator,
) -> dict:
    """Errors under every policy, and what part of them is whose."""
    policies = {}
    for name, one in wrong.items():
        policies[name] = {
            **interval(one.astype("float64"), generator),
            "errors": int(one.sum()),
            "errors_per_step_percent": _per_step(runs.get(name), labels),
        }
    figures = {"policies": policies}
    learned = wrong["learned"].astype("float64")
    oracle = wrong.get(ORACLE)
    figures["attention_error"] = figures["recognition_error"] = None
    if oracle is not None:
        figures["attention_error"] = interval(learned - oracle, generator)
        figures["recognition_error"] = {
            name: policies[ORACLE][name] for name in ("percent", "interval")
        }
    return figures


def _per_step(looked: Looked | None, labels: np.ndarray) -> list | None:
    if looked is None or looked.scores.ndim == 2:
        return None
    steps = np.moveaxis(looked.scores, 1, 0)
    return [percent(_wrong(scores, labels)) for scores in steps]


def _of_views(
    learned: Looked,
    objects: Sequence[Objects] | None,
    wrong: dict[str, np.ndarray],
    labels: np.ndarray,
    threshold: float,
    generator: np.random.Generator,
) -> dict:
    """What was in view; and for every image whether it ever was."""
    if objects is None:
        names = ("views", "table", "halves", "widest_share_percent", "hits")
        return dict.fromkeys(names)
    seed = generator.integers(2**32)  # the same places for all objects
    seen = [view(learned, one, threshold) for one in objects]
    by_chance = [
        view_by_chance(learned, one, threshold, np.random.default_rng(seed))
        for one in objects
    ]
    widest = [widest_share(learned, one) for one in objects]
    hits = all_in_view(seen)
    cells = cells_of(wrong["learned"], hits)
    return {
        "views": {
            "learned": view_figures(seen),
            "chance": view_figures(by_chance),
        },
        "table": {name: int(rows.sum()) for name, rows in cells.items()},
        "halves": halves(objects, seen),
        "widest_share_percent": None
        if widest[0] is None
        else rounded(100 * np.median(widest)),
        "hits": hits,
    }


def _confused(looked: Looked, labels: np.ndarray) -> dict | None:
    """The two classes that are taken for each other most often."""
    scores = looked.final_scores
    num_classes = scores.shape[1]
    pairs = labels.astype("int64") * num_classes + scores.argmax(axis=1)
    counts = np.bincount(pairs, minlength=num_classes**2)
    counts = counts.reshape(num_classes, num_classes)
    np.fill_diagonal(counts, 0)
    errors = int(counts.sum())
    if errors == 0:
        return None
    both = np.triu(counts + counts.T)
    first, second = np.unravel_index(both.argmax(), both.shape)
    return {
        "classes": [int(first), int(second)],
        "errors": int(both[first, second]),
        "of_errors": errors,
    }


def _spread(looked: Looked) -> float | None:
    """How far the places of a step lie apart from image to image.

    The standard deviation of x and y over the images, of the step where it is
    largest; the image is 2 wide.
    """
    if looked.kind not in ("glimpses", "transformer"):
        return None
    location = looked.attention["location"]
    spread = location.std(axis=0, dtype="float64")  # (T, ..., 2)
    return rounded(spread.mean(axis=-1).max())
