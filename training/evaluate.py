"""How often a classifier is right."""

import contextlib
from pathlib import Path

import keras
import numpy as np

import keras_attention

from . import recipes
from .canvases import CanvasSet, fixed_set
from .digits import Digits, load_digits
from .recipe import Recipe
from .run_folder import RunFolder

# Of all validation and test sets. Their digits are not those of training.
SEED = 0


def evaluate(
    model: keras.Model,
    canvases: CanvasSet,
    policy: str | None = None,
    batch_size: int = 1000,
    verbose: str | int = "auto",
) -> dict:
    """Evaluates a classifier on a set of canvases.

    Args:
        model: From images to scores of classes.
        canvases: What to test it on.
        policy: Where to look instead of where it learned to, see
            `keras_attention.policy`.
        batch_size: Images at a time.
        verbose: As of `predict`: whether to show progress.

    Returns:
        Dict of `accuracy`, `error_percent` and `num_images`.

    Raises:
        ValueError: If the set is empty or the policy unknown.
    """
    num_images = len(canvases.labels)
    if num_images == 0:
        raise ValueError("`canvases` holds no image to evaluate on.")
    scope = (
        keras_attention.policy(policy) if policy else contextlib.nullcontext()
    )
    with scope:
        scores = model.predict(
            canvases.images, batch_size=batch_size, verbose=verbose
        )
    correct = int(np.sum(np.argmax(scores, axis=-1) == canvases.labels))
    return {
        "accuracy": correct / num_images,
        "error_percent": round(100 * (1 - correct / num_images), 3),
        "num_images": num_images,
    }


def evaluate_run(
    path: str | Path,
    policy: str | None = None,
    data_dir: str | None = None,
    verbose: str | int = "auto",
) -> dict:
    """Evaluates the trained model of a run on its recipe's test set.

    Args:
        path: Folder of the run.
        policy: As of `evaluate`.
        data_dir: Folder of TFDS, if it has moved.
        verbose: As of `evaluate`.

    Returns:
        As `evaluate`, with the recipe and the policy.

    Raises:
        RunError: If the run is not finished, or damaged.
    """
    run = RunFolder(path)
    config = run.config()
    recipe = recipes.get(config["recipe"])
    model = run.model()
    test = load_test_set(recipe, data_dir or config["data_dir"])
    figures = evaluate(model, test, policy, verbose=verbose)
    return {"recipe": recipe.name, "policy": policy or "mode", **figures}


def load_test_set(recipe: Recipe, data_dir: str | None = None) -> CanvasSet:
    """The test set of a recipe, the same on every machine."""
    return held_out_set(recipe, load_digits(recipe.source, data_dir)["test"])


def held_out_set(recipe: Recipe, digits: Digits) -> CanvasSet:
    """The canvases of a recipe made of validation or test digits."""
    return fixed_set(digits, recipe.canvas, SEED)
