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
        data_dir: Folder of TFDS, if it has moved.

    Returns:
        The card.

    Raises:
        RunError: If the run is not finished, was made to look elsewhere, or
            is not committed; if the file is too large or does not reach what
            the run did.
    """
    run = RunFolder(path)
    config, results = run.config(), run.results()
    recipe = recipes.get(config["recipe"])
    commit = commit or config.get("commit")
    _check_commits(commit, config)
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
        "other_seeds": [],
        "controls": [],
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
        RunFolder(unfinished).write_json(f"{recipe.name}.json", card)
        for one in (file, file.with_suffix(".json")):
            os.replace(one, folder / one.name)
    return card


def compare_preset(
    name: str,
    folder: str | Path,
    *,
    others: tuple[str | Path, ...] = (),
    controls: tuple[str | Path, ...] = (),
) -> dict:
    """Adds runs to the card of a preset, to stand beside it.

    A run of a seed, or of a recipe and a policy, takes the place of the one
    that was there.

    Args:
        name: Name of the preset.
        folder: Where its files are.
        others: Folders of runs of the same recipe with other seeds.
        controls: Folders of runs of recipes to compare with.

    Returns:
        The card.

    Raises:
        RunError: If there is no such preset, or a run is not finished or not
            committed; if another seed is the preset's own, or its run is of
            another recipe, number of epochs or policy; if a control reads
            other images.
    """
    file = Path(folder) / f"{name}.json"
    if not file.exists():
        raise RunError(f"There is no preset {name!r} in {folder}.")
    card = json.loads(file.read_text())
    card["other_seeds"] = _merged(
        card["other_seeds"],
        [_other_seed(other, card) for other in others],
        ("seed",),
    )
    card["controls"] = _merged(
        card["controls"],
        [_control(control, card) for control in controls],
        ("recipe", "policy"),
    )
    RunFolder(folder).write_json(file.name, card)
    return card


def _merged(
    before: list[dict], new: list[dict], keys: tuple[str, ...]
) -> list[dict]:
    """All of them, the last of those that have the same keys."""
    runs = {tuple(run[key] for key in keys): run for run in (*before, *new)}
    return list(runs.values())


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


def _check_commits(began: str | None, config: dict) -> None:
    resumed = [code["commit"] for code in config.get("resumed", ())]
    for commit in (began, *resumed):
        if not commit or commit.endswith("-dirty"):
            raise RunError(
                "A preset and what stands beside it must come from committed "
                "source code, also where a run was resumed: commit, and train "
                "again. (`make_preset.py --commit` is for a run that does not "
                f"tell its own.) Received: commit={commit!r}"
            )


def _command(config: dict, epochs: int) -> str:
    environment = config.get("environment", {})
    command = "".join(f"{name}={environment[name]} " for name in environment)
    command += f"keras-attention train {config['recipe']} --seed "
    command += str(config["seed"])
    if config["epochs"] != epochs:
        command += f" --epochs {config['epochs']}"
    if config.get("policy"):
        command += f" --policy {config['policy']}"
    return command


def _other_seed(path: str | Path, card: dict) -> dict:
    config = RunFolder(path).config()
    found = {name: config.get(name) for name in ("recipe", "epochs", "policy")}
    asked = {
        "recipe": card["recipe"],
        "epochs": card["results"]["epochs"],
        "policy": None,
    }
    if found != asked or config["seed"] == card["seed"]:
        raise RunError(
            f"{path} must be a run of {asked} with another seed than "
            f"{card['seed']}. Received: {found}, seed {config['seed']}"
        )
    return {"seed": config["seed"], **_told(path)}


def _control(path: str | Path, card: dict) -> dict:
    control = recipes.get(RunFolder(path).config()["recipe"])
    if not _same_task(control, recipes.get(card["recipe"])):
        raise RunError(
            "A control must read the images that the preset reads. "
            f"Received: {path}, of {control.source!r} on {control.canvas}"
        )
    return _told(path)


def _same_task(one: Recipe, other: Recipe) -> bool:
    return (one.source, one.canvas) == (other.source, other.canvas)


def _told(path: str | Path) -> dict:
    run = RunFolder(path)
    config, results = run.config(), run.results()
    _check_commits(config.get("commit"), config)
    return {
        **{name: results[name] for name in TOLD if name in results},
        "command": _command(config, recipes.get(config["recipe"]).epochs),
        "commit": config.get("commit"),
    }


def _elsewhere(model: keras.Model, recipe: Recipe, test: CanvasSet) -> dict:
    """What it makes of other places than it learned, and what that says.

    Nothing where several labels are read from an image: a diagnosis is of one
    answer.
    """
    if test.labels.ndim > 1:
        return {"elsewhere": {}, "verdict": None}
    diagnosis = diagnose(model, test, item_grid=recipe.item_grid)
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
