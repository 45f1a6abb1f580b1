"""How often a classifier is right."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import keras_attention
from keras_attention import models
from keras_attention.layers.until_sure import checked_threshold

from .canvas_sets import CanvasSet, fixed_set
from .digits import Digits, load_digits
from .looking import floating, hard_layers
from .recipe import Recipe
from .trained import load_trained

# Of all validation and test sets. Their digits are not those of training.
SEEDS = {"validation": 1, "test": 0}


def evaluate(
    model: keras.Model,
    canvases: CanvasSet,
    policy: str | None = None,
    batch_size: int = 1000,
    verbose: str | int = "auto",
) -> dict:
    """Evaluates a classifier on a set of canvases.

    Args:
        model: From images, floating in [0, 1], to scores of classes.
        canvases: What to test it on.
        policy: Where to look instead of where it learned to, see
            `keras_attention.policy`.
        batch_size: Images at a time.
        verbose: As of `predict`: whether to show progress.

    Returns:
        Dict of `accuracy`, `error_percent` and `num_images`. Where an image
        has several labels, `(N, L)`, each counts; the scores are then of
        `(N, L, K)`.

    Raises:
        ValueError: If the set is empty, the policy unknown, or there is no
            hard attention for it to place.
    """
    scores = _predicted(model, canvases, policy, batch_size, verbose)
    return _figures(np.argmax(scores, axis=-1), canvases)


def until_sure_curve(
    model: keras.Model,
    canvases: CanvasSet,
    thresholds: Sequence[float],
    policy: str | None = None,
    batch_size: int = 1000,
    verbose: str | int = "auto",
) -> list[dict]:
    """Accuracy against glimpses taken, where a model stops once it is sure.

    What `models.until_sure(model, threshold)` reaches at every threshold, from
    one pass over the images: the scores after each glimpse tell where each
    threshold stops.

    Args:
        model: What `models.every_step` takes.
        canvases: What to test it on.
        thresholds: Probabilities above 0; at 1 all glimpses are taken.
        policy: As of `evaluate`.
        batch_size: As of `evaluate`.
        verbose: As of `evaluate`.

    Returns:
        For each threshold what `evaluate` returns, with `threshold` and
        `mean_glimpses`.

    Raises:
        ValueError: If a threshold is not in (0, 1], the model cannot be
            taken apart, and as of `evaluate`.
    """
    thresholds = [checked_threshold(threshold) for threshold in thresholds]
    steps = models.every_step(model)
    scores = _predicted(steps, canvases, policy, batch_size, verbose)
    highest = tf.nn.softmax(scores).numpy().max(axis=-1)  # (N, T)
    classes = scores.argmax(axis=-1)
    curve = []
    for threshold in thresholds:
        sure = (highest >= threshold) & (threshold < 1)
        sure[:, -1] = True
        last = sure.argmax(axis=-1)
        curve.append(
            {
                "threshold": threshold,
                **_figures(classes[np.arange(len(last)), last], canvases),
                "mean_glimpses": float(np.mean(last + 1)),
            }
        )
    return curve


def _predicted(
    model: keras.Model,
    canvases: CanvasSet,
    policy: str | None,
    batch_size: int,
    verbose: str | int,
) -> np.ndarray:
    if not len(canvases.labels):
        raise ValueError("`canvases` holds no image to evaluate on.")
    if policy is None:
        images = tf.data.Dataset.from_tensor_slices(canvases.images)
        return model.predict(
            images.batch(batch_size).map(floating), verbose=verbose
        )
    with looking(policy):
        _check_hard(model, policy)
        # Keras runs again what it traced, under another policy or under this.
        model.make_predict_function(force=True)
        try:
            return _predicted(model, canvases, None, batch_size, verbose)
        finally:
            model.make_predict_function(force=True)


def _check_hard(model: keras.Model, policy: str) -> None:
    """Refuses a policy that would change nothing."""
    if not hard_layers(model):
        raise ValueError(
            "`policy` is for hard attention, and this model has none: it would "
            "look as it learned to. `diagnose` tells what soft attention and "
            "transformers read elsewhere. Received: "
            f"policy={policy!r}, model={model.name!r}"
        )


def looking(policy: str | None) -> contextlib.AbstractContextManager:
    """A scope in which models look where a policy says; None leaves them."""
    if policy is None:
        return contextlib.nullcontext()
    return keras_attention.policy(policy)


def _figures(classes: np.ndarray, canvases: CanvasSet) -> dict:
    accuracy = float(np.mean(classes == canvases.labels))
    return {
        "accuracy": accuracy,
        "error_percent": round(100 * (1 - accuracy), 3),
        "num_images": len(canvases.labels),
    }


def evaluate_run(
    path: str | Path,
    policy: str | None = None,
    data_dir: str | None = None,
    verbose: str | int = "auto",
    threshold: float | None = None,
) -> dict:
    """Evaluates a trained model on its recipe's test set.

    Args:
        path: Folder of its run, or the name of a preset.
        policy: As of `evaluate`; by default that of its training.
        data_dir: Folder of TFDS, if it has moved.
        verbose: As of `evaluate`.
        threshold: Probability at which it stops looking at an image.

    Returns:
        As `evaluate`, with the recipe and the policy; where there is a
        threshold as `until_sure_curve`.

    Raises:
        RunError: If there is no such run or preset, or the run is not
            finished, or damaged.
        ValueError: As of `evaluate`.
    """
    trained = load_trained(path)
    model, recipe = trained.model, trained.recipe
    policy = policy or trained.policy
    test = load_test_set(recipe, data_dir or trained.data_dir)
    if threshold is None:
        figures = evaluate(model, test, policy, verbose=verbose)
    else:
        (figures,) = until_sure_curve(
            model, test, [threshold], policy, verbose=verbose
        )
    return {"recipe": recipe.name, "policy": policy or "mode", **figures}


def load_test_set(recipe: Recipe, data_dir: str | None = None) -> CanvasSet:
    """The test set of a recipe, the same on every machine."""
    digits = load_digits(recipe.source, data_dir, ("test",))
    return held_out_set(recipe, digits, "test")


def held_out_set(
    recipe: Recipe, digits: dict[str, Digits], split: str
) -> CanvasSet:
    """The canvases of a recipe made of `validation` or `test` digits."""
    return fixed_set(digits[split], recipe.canvas, SEEDS[split])
