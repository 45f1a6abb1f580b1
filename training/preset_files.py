"""Makes a preset, which comes with the package, of a finished run."""

import json
import math
from pathlib import Path

import keras

from keras_attention import layers
from keras_attention.models.preset import sha256

from . import recipes
from .canvas_sets import CanvasSet
from .diagnosis import diagnose
from .evaluate import evaluate, load_test_set
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
    others: tuple[str | Path, ...] = (),
    controls: tuple[str | Path, ...] = (),
    data_dir: str | None = None,
) -> dict:
    """Writes NAME.keras and NAME.json, its card.

    The file holds no state of the optimiser. It is loaded again and tested:
    only one with the error of its run is kept.

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
        RunError: If a run is not finished, another recipe's, or not committed;
            if the file is too large or does not reach what the run did.
    """
    run = RunFolder(path)
    config, results = run.config(), run.results()
    recipe = recipes.get(config["recipe"])
    commit = commit or config.get("commit")
    _check_commit(commit)
    seeds = [_other_seed(other, config) for other in others]
    file = Path(folder) / f"{recipe.name}.keras"
    file.parent.mkdir(parents=True, exist_ok=True)
    model = _write_model(run, file)
    test = load_test_set(recipe, data_dir or config["data_dir"])
    found = evaluate(model, test, verbose=0)["error_percent"]
    if found != results["error_percent"]:
        raise RunError(
            f"{file} makes {found} % errors, its run made "
            f"{results['error_percent']} %."
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
        **_looking(model),
        **_elsewhere(model, test),
        "other_seeds": seeds,
        "controls": [_told(control) for control in controls],
        "sha256": sha256(file),
        "num_bytes": file.stat().st_size,
    }
    text = json.dumps(card, indent=2) + "\n"
    file.with_suffix(".json").write_text(text)
    return card


def _write_model(run: RunFolder, file: Path) -> keras.Model:
    """Writes the model of a run without its optimiser, and loads it again."""
    keras.models.load_model(run / "model.keras", compile=False).save(file)
    if file.stat().st_size > MAX_BYTES:
        raise RunError(
            f"{file} must be of at most {MAX_BYTES:,} bytes. "
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
    command = f"keras-attention train {config['recipe']} --seed "
    command += str(config["seed"])
    if config["epochs"] != epochs:
        command += f" --epochs {config['epochs']}"
    return command


def _other_seed(path: str | Path, config: dict) -> dict:
    run = RunFolder(path)
    other = run.config()
    if other["recipe"] != config["recipe"] or other["seed"] == config["seed"]:
        raise RunError(
            f"{path} must be a run of {config['recipe']!r} with another seed "
            f"than {config['seed']}. Received: {other['recipe']!r}, seed "
            f"{other['seed']}"
        )
    return {"seed": other["seed"], **_told(path)}


def _told(path: str | Path) -> dict:
    results = RunFolder(path).results()
    return {name: results[name] for name in TOLD if name in results}


def _elsewhere(model: keras.Model, test: CanvasSet) -> dict:
    """What it makes of other places than it learned, and what that says.

    Nothing of a model that reads several labels: a diagnosis asks whether the
    one object was in view.
    """
    if test.labels.ndim > 1:
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
    """How often it looks at an image, and how many pixels it reads of it.

    All, where it has no sensor: also to choose items it has to see them.
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
        pixels = (glimpses or 1) * crop
    return {"num_glimpses": glimpses, "pixels_read": pixels}
