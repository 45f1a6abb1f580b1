"""Makes a preset, which comes with the package, of a finished run."""

import json
import math
import os
import tempfile
from pathlib import Path

import keras

from keras_attention import layers
from keras_attention.models.preset import sha256

from . import recipes
from .canvas_sets import CanvasSet
from .diagnosis import diagnose
from .evaluate import evaluate, load_test_set
from .recipe import Recipe
from .run_folder import RunError, RunFolder
from .several import SeveralDigits

MAX_BYTES = 6_000_000
# Of a control run, what is told beside a preset.
TOLD = (
    "recipe",
    "policy",
    "error_percent",
    "parameters",
    "epochs",
    "images_seen",
    "training_cpu_seconds",
)


def write_preset(
    path: str | Path,
    folder: str | Path,
    *,
    commit: str | None = None,
    others: tuple[str | Path, ...] = (),
    controls: tuple[str | Path, ...] = (),
    data_dir: str | None = None,
) -> dict:
    """Writes NAME.keras and NAME.json, its card.

    The file holds no state of the optimiser. It is loaded again and tested:
    only one with the error of its run is kept. Before that, what is in the
    folder stays as it is.

    Args:
        path: Folder of a finished run.
        folder: Where to write: `keras_attention/models/presets`.
        commit: State of the source code, where the run does not tell it.
        others: Folders of runs of the same recipe with other seeds.
        controls: Folders of runs of recipes to compare with.
        data_dir: Folder of TFDS, if it has moved.

    Returns:
        The card.

    Raises:
        RunError: If a run is not finished, another recipe's, was made to look
            elsewhere, or is not committed; if the file is too large or does
            not reach what the run did.
    """
    run = RunFolder(path)
    config, results = run.config(), run.results()
    recipe = recipes.get(config["recipe"])
    commit = commit or config.get("commit")
    _check_commit(commit)
    if config.get("policy"):
        raise RunError(
            "A preset must look where it learned to. Received: a run with the "
            f"policy {config['policy']!r}"
        )
    card = {
        "name": recipe.name,
        "recipe": recipe.name,
        "summary": recipe.summary,
        "command": _command(config, recipe.epochs),
        "seed": config["seed"],
        "commit": commit,
        "versions": config["versions"],
        "results": results,
        "other_seeds": [_other_seed(other, config) for other in others],
        "controls": [_told(control) for control in controls],
    }
    test = load_test_set(recipe, data_dir or config["data_dir"])
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as unfinished:
        file = Path(unfinished) / f"{recipe.name}.keras"
        model = _write_model(run, file)
        _check_error(model, test, results)
        card |= {
            **_looking(model),
            **_elsewhere(model, recipe, test),
            "sha256": sha256(file),
            "num_bytes": file.stat().st_size,
        }
        told = file.with_suffix(".json")
        told.write_text(json.dumps(card, indent=2) + "\n")
        for one in (file, told):
            os.replace(one, folder / one.name)
    return card


def _check_error(model: keras.Model, test: CanvasSet, results: dict) -> None:
    found = evaluate(model, test, verbose=0)["error_percent"]
    if found != results["error_percent"]:
        raise RunError(
            f"The file makes {found} % errors, its run made "
            f"{results['error_percent']} %."
        )


def _write_model(run: RunFolder, file: Path) -> keras.Model:
    """Writes the model of a run without its optimiser, and loads it again."""
    keras.models.load_model(run / "model.keras", compile=False).save(file)
    if file.stat().st_size > MAX_BYTES:
        raise RunError(
            f"{file.name} must be of at most {MAX_BYTES:,} bytes. "
            f"Received: {file.stat().st_size:,}"
        )
    return keras.models.load_model(file, compile=False)


def _check_commit(commit: str | None) -> None:
    if not commit or commit.endswith("-dirty"):
        raise RunError(
            "A preset must come from committed source code: give the commit "
            f"where the run does not tell it. Received: commit={commit!r}"
        )


def _command(config: dict, epochs: int) -> str:
    environment = config.get("environment", {})
    command = "".join(f"{name}={environment[name]} " for name in environment)
    command += f"keras-attention train {config['recipe']} --seed "
    command += str(config["seed"])
    if config["epochs"] != epochs:
        command += f" --epochs {config['epochs']}"
    return command


def _other_seed(path: str | Path, config: dict) -> dict:
    run = RunFolder(path)
    other = run.config()
    asked, found = (
        {name: one.get(name) for name in ("recipe", "epochs", "policy")}
        for one in (config, other)
    )
    if found != asked or other["seed"] == config["seed"]:
        raise RunError(
            f"{path} must be a run of {asked} with another seed than "
            f"{config['seed']}. Received: {found}, seed {other['seed']}"
        )
    return {"seed": other["seed"], **_told(path)}


def _told(path: str | Path) -> dict:
    results = RunFolder(path).results()
    return {name: results[name] for name in TOLD if name in results}


def _elsewhere(model: keras.Model, recipe: Recipe, test: CanvasSet) -> dict:
    """What it makes of other places than it learned, and what that says.

    Nothing where there are several digits: a diagnosis asks whether the one
    object was in view.
    """
    if isinstance(recipe.canvas, SeveralDigits):
        return {"elsewhere": {}, "verdict": None}
    diagnosis = diagnose(model, test)
    return {
        "elsewhere": {
            policy: figures["percent"]
            for policy, figures in diagnosis["policies"].items()
            if policy != "learned"
        },
        "verdict": diagnosis["verdict"]["sentence"],
    }


def _looking(model: keras.Model) -> dict:
    """How often it looks at an image, and how many pixels it is given of it.

    All, where it has no sensor: also to choose items it has to see them. All
    and what the sensor gives, where a network says where to start.
    """
    parts = list(model._flatten_layers())
    glimpses = next(
        (
            layer.num_glimpses
            for layer in parts
            if isinstance(layer, layers.RecurrentAttention)
        ),
        None,
    )
    sensors = [one for one in parts if isinstance(one, layers.GlimpseSensor)]
    pixels = math.prod(model.input_shape[1:3])
    if sensors:
        crop = sensors[0].glimpse_size ** 2 * sensors[0].num_scales
        starts = any(
            isinstance(one, layers.AttentionCell)
            and isinstance(one.start, keras.layers.Layer)
            for one in parts
        )
        pixels = starts * pixels + (glimpses or 1) * crop
    return {"num_glimpses": glimpses, "pixels_read": pixels}
