"""A trained model with what it was trained on, by the name of either form."""

from dataclasses import dataclass
from pathlib import Path

import keras

from keras_attention import models

from . import recipes
from .recipe import Recipe
from .run_folder import RunError, RunFolder


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model.

    Attributes:
        model: The model.
        recipe: What it was trained by.
        data_dir: Folder of TFDS it was trained with, or None.
        policy: Where it was made to look in training, or None.
        facts: What a model card says of it.
    """

    model: keras.Model
    recipe: Recipe
    facts: dict
    data_dir: str | None = None
    policy: str | None = None


def load_trained(source: str | Path) -> Trained:
    """Loads a trained model.

    Args:
        source: Folder of a finished run, or the name of a preset. A folder
            comes first: `./NAME` is never a preset.

    Raises:
        RunError: If it is neither, or the run is not finished, or damaged.
        ValueError: If the file of a preset is damaged.
    """
    if not Path(source).exists():
        if str(source) in models.preset_names():
            return _preset(str(source))
        raise RunError(
            f"There is no run folder {source}, nor a preset of this name. "
            f"Presets: {', '.join(models.preset_names())}"
        )
    run = RunFolder(source)
    config = run.config()
    recipe = recipes.get(config["recipe"])
    return Trained(
        run.model(),
        recipe,
        _facts(recipe, config["seed"], run.results()),
        config["data_dir"],
        config.get("policy"),
    )


def _preset(name: str) -> Trained:
    card = models.preset_card(name)
    recipe = recipes.get(card["recipe"])
    facts = _facts(recipe, card["seed"], card["results"])
    return Trained(models.from_preset(name), recipe, facts)


def _facts(recipe: Recipe, seed: int, results: dict) -> dict:
    return {
        "recipe": recipe.name,
        "summary": recipe.summary,
        "seed": seed,
        "results": results,
    }
