"""Trains a recipe into a run folder, and continues a run that was stopped."""

import datetime
import os
import time
from importlib.metadata import version
from pathlib import Path

import keras

from keras_attention.models import ReinforceModel

from . import recipes
from .callbacks import Checkpoint, DropoutSeeds, Seconds, StddevSchedule
from .canvas_sets import training_dataset
from .commit import commit
from .digits import Digits, load_digits
from .evaluate import evaluate, held_out_set, looking
from .recipe import Recipe
from .run_folder import RunError, RunFolder

# Variables that decide which library computes, and so how numbers are rounded.
ENVIRONMENT = ("TF_ENABLE_ONEDNN_OPTS",)


def train(
    name: str,
    out: str | Path,
    *,
    seed: int = 0,
    epochs: int | None = None,
    policy: str | None = None,
    data_dir: str | None = None,
    verbose: str | int = "auto",
) -> dict:
    """Trains a recipe.

    Args:
        name: Name of the recipe.
        out: Folder of the run, new or empty.
        seed: Decides the first weights, the data and the sampled locations.
        epochs: Number of epochs instead of the recipe's; the schedules are
            stretched to it.
        policy: Where hard attention looks, in training and in tests, instead
            of where it learns to, see `keras_attention.policy`: `"random"` or
            `"center"`, for a model to compare with.
        data_dir: Folder of TFDS, for sources that need it.
        verbose: As of `fit`.

    Returns:
        The results: figures on the test set, and what the training cost.

    Raises:
        RunError: If the folder is in use or cannot be written.
        ValueError: If the recipe or the policy is unknown, the number of
            epochs or the seed wrong, or there is no hard attention for the
            policy to place.
    """
    recipe = recipes.get(name)
    epochs = recipe.epochs if epochs is None else epochs
    if epochs < 1:
        raise ValueError(f"`epochs` must be at least 1. Received: {epochs}")
    with looking(policy):  # is it known?
        digits = load_digits(recipe.source, data_dir)
    keras.utils.set_random_seed(seed)
    model = recipe.network()
    recipe.compile(model, epochs)
    _check_policy(policy, model)
    config = {
        "recipe": name,
        "seed": seed,
        "epochs": epochs,
        "policy": policy,
        "data_dir": data_dir,
        "environment": {
            name: os.environ[name] for name in ENVIRONMENT if name in os.environ
        },
        "started": datetime.datetime.now().isoformat(timespec="seconds"),
        **_code(),
    }
    with RunFolder.create(out, config) as run:
        return _run(run, recipe, model, digits, 0, verbose)


def resume(
    out: str | Path,
    name: str,
    *,
    data_dir: str | None = None,
    verbose: str | int = "auto",
) -> dict:
    """Continues a run after its last finished epoch, exactly.

    The data, the schedules, the optimiser and the random numbers go on as if
    the run had not been stopped.

    Where the source code or a version is another than before, `config.json`
    lists it under `resumed`.

    Args:
        out: Folder of the run.
        name: Name of the recipe that the run was started with.
        data_dir: Folder of TFDS, if it has moved.
        verbose: As of `fit`.

    Returns:
        The results, as `train`; those on file where the run is finished.

    Raises:
        RunError: If the folder is not that of a run of this recipe, is
            damaged or in use, or was begun where numbers are rounded
            otherwise.
    """
    recipe = recipes.get(name)
    run = RunFolder(out)
    config = run.config()
    if config["recipe"] != name:
        raise RunError(
            f"{out} is a run of the recipe {config['recipe']!r}. "
            f"Received: {name!r}"
        )
    if (run / "results.json").exists():
        return run.results()
    _check_environment(run, config)
    digits = load_digits(recipe.source, data_dir or config["data_dir"])
    keras.utils.set_random_seed(config["seed"])
    with run.locked():
        _record_code(run, config)
        if (run / "last.keras").exists():
            model = run.last()
        else:
            model = recipe.network()
            recipe.compile(model, config["epochs"])
        steps = int(model.optimizer.iterations.numpy())
        done = steps // recipe.steps_per_epoch
        return _run(run, recipe, model, digits, done, verbose)


def _code() -> dict:
    """The state of the source code, and the versions it runs with."""
    return {
        "commit": commit(),
        "versions": {
            package: version(package)
            for package in ("keras-visual-attention", "keras", "tensorflow")
        },
    }


def _record_code(run: RunFolder, config: dict) -> None:
    """Adds to a run that other code goes on with it."""
    code, resumed = _code(), config.get("resumed", [])
    last = [config, *resumed][-1]
    if any(last.get(name) != code[name] for name in code):
        run.write_json("config.json", {**config, "resumed": [*resumed, code]})


def _check_environment(run: RunFolder, config: dict) -> None:
    """Refuses to go on where a variable is not as the run was begun."""
    began = config.get("environment")
    if began is None:  # of a version that did not tell
        return
    for name in ENVIRONMENT:
        was, found = began.get(name), os.environ.get(name)
        if was != found:
            do = f"unset {name}" if was is None else f"export {name}={was}"
            raise RunError(
                f"{run.path} was begun with {name} {was or 'not set'}, and "
                "with another value numbers are rounded otherwise: "
                f"`{do}`, then resume. Received: {found or 'not set'}"
            )


def _run(
    run: RunFolder,
    recipe: Recipe,
    model: keras.Model,
    digits: dict[str, Digits],
    done: int,
    verbose: str | int,
) -> dict:
    """Trains after `done` epochs, tests, and writes what came of it."""
    config = run.config()
    with looking(config.get("policy")):
        _fit(run, recipe, model, digits, done, verbose)
    model.load_weights(run / "best.weights.h5")
    run.write("model.keras", model.save)
    results = _results(run, recipe, model, digits, verbose)
    run.write_json("results.json", results)
    return results


def _check_policy(policy: str | None, model: keras.Model) -> None:
    """Refuses a policy where it would change nothing."""
    if policy is not None and not isinstance(model, ReinforceModel):
        raise ValueError(
            "`policy` is for hard attention, which learns where to look by "
            f"reward. Received: policy={policy!r}, model={model.name!r}"
        )


def _fit(
    run: RunFolder,
    recipe: Recipe,
    model: keras.Model,
    digits: dict[str, Digits],
    done: int,
    verbose: str | int,
) -> None:
    config = run.config()
    validation = held_out_set(recipe, digits, "validation")
    model.fit(
        training_dataset(
            digits["train"],
            recipe.canvas,
            recipe.batch_size,
            config["seed"],
            start_step=done * recipe.steps_per_epoch,
        ).map(lambda batch: (batch["image"], batch["label"])),
        shuffle=False,  # the data set has an order of its own
        initial_epoch=done,
        epochs=config["epochs"],
        steps_per_epoch=recipe.steps_per_epoch,
        validation_data=(validation.images, validation.labels),
        validation_batch_size=min(1000, len(validation.labels)),
        verbose=verbose,
        callbacks=_callbacks(run, recipe, config, done),
    )


def _callbacks(
    run: RunFolder, recipe: Recipe, config: dict, done: int
) -> list[keras.callbacks.Callback]:
    schedules = []
    if recipe.stddev is not None:
        schedules.append(
            StddevSchedule(*recipe.stddev, epochs=config["epochs"])
        )
    return [
        Seconds(),
        DropoutSeeds(config["seed"]),
        *schedules,
        Checkpoint(run, done),
        keras.callbacks.TensorBoard(
            str(run / "tensorboard"), write_graph=False
        ),
    ]


def _results(
    run: RunFolder,
    recipe: Recipe,
    model: keras.Model,
    digits: dict[str, Digits],
    verbose: str | int,
) -> dict:
    rows = run.finished_epochs()
    policy = run.config().get("policy")
    start = time.perf_counter()
    test = held_out_set(recipe, digits, "test")
    figures = evaluate(model, test, policy, verbose=verbose)
    return {
        "recipe": recipe.name,
        "policy": policy or "mode",
        **figures,
        "validation_accuracy": max(float(row["val_accuracy"]) for row in rows),
        "parameters": model.count_params(),
        "epochs": len(rows),
        "images_seen": len(rows) * recipe.steps_per_epoch * recipe.batch_size,
        "training_seconds": round(sum(float(row["seconds"]) for row in rows)),
        "training_cpu_seconds": round(
            sum(float(row["cpu_seconds"]) for row in rows)
        ),
        "test_seconds": round(time.perf_counter() - start, 1),
    }
