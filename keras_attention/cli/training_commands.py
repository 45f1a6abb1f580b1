"""The commands that train a model and test it."""

import json
import sys
from pathlib import Path

import click

from keras_attention_cli.command import (
    command,
    data_dir_option,
    json_option,
    print_values,
    recipe_option,
    threshold_option,
)


@click.command("list")
@json_option
def list_recipes(as_json: bool) -> None:
    """List the recipes that `train` knows."""
    with command(as_json):
        from keras_attention.training import recipes

        known = {name: recipes.get(name).summary for name in recipes.names()}
    if as_json:
        click.echo(json.dumps(known))
        return
    for name, summary in known.items():
        click.echo(f"{name:20}{summary}")


@click.command()
@click.argument("recipe")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the run.  [default: runs/RECIPE, or runs/RECIPE_POLICY]",
)
@click.option("--seed", type=int, help="Repeats a run.  [default: 0]")
@click.option("--epochs", type=int, help="Instead of the recipe's number.")
@click.option(
    "--policy",
    type=click.Choice(["random", "center"]),
    help="Look there all the time: a model to compare with.",
)
@click.option("--resume", is_flag=True, help="Continue a run that was stopped.")
@data_dir_option
@json_option
def train(
    recipe: str,
    out: Path | None,
    seed: int | None,
    epochs: int | None,
    policy: str | None,
    resume: bool,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Train RECIPE (see `list`) into a run folder.

    Ctrl-C stops it after saving nothing new; the same command with --resume
    continues after the last finished epoch, exactly as if never stopped.
    """
    name = f"{recipe}_{policy}" if policy else recipe
    out = out or Path("runs") / name
    with command(as_json):
        from keras_attention import training

        try:
            if resume:
                check_same_run(
                    out, {"seed": seed, "epochs": epochs, "policy": policy}
                )
                results = training.resume(out, recipe, data_dir=data_dir)
            else:
                results = training.train(
                    recipe,
                    out,
                    seed=seed or 0,
                    epochs=epochs,
                    policy=policy,
                    data_dir=data_dir,
                )
        except KeyboardInterrupt:
            hint = ""
            if (out / "config.json").exists():
                hint = (
                    f" Continue with: keras-attention train {recipe} "
                    f"--out {out} --resume"
                )
            click.echo(f"\nStopped.{hint}", err=True)
            sys.exit(130)
    print_values({**results, "run": str(out)}, as_json)


def check_same_run(out: Path, asked: dict) -> None:
    """Refuses to go on otherwise than a run was begun."""
    from keras_attention.training.run_folder import RunError, RunFolder

    began = RunFolder(out).config()
    for name, value in asked.items():
        if value is not None and value != began.get(name):
            raise RunError(
                f"{out} goes on as it was begun, with --{name} "
                f"{began.get(name)}. Received: --{name} {value}"
            )


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--policy",
    type=click.Choice(["sample", "mode", "random", "center"]),
    help="Where to look, instead of where it learned to.",
)
@threshold_option
@data_dir_option
@json_option
def evaluate(
    model: Path,
    policy: str | None,
    threshold: float | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Test MODEL on its recipe's test set.

    MODEL is the folder of a finished run, or the name of a preset.
    """
    with command(as_json):
        from keras_attention import training

        figures = training.evaluate_run(
            model, policy, data_dir, threshold=threshold
        )
    print_values(figures, as_json)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write diagnosis.json and index.html to.",
)
@recipe_option
@click.option(
    "--averaged",
    default=0,
    metavar="N",
    help="Average the probabilities of N samples too.",
)
@data_dir_option
@json_option
def diagnose(
    model: Path,
    out: Path | None,
    recipe: str | None,
    averaged: int,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Tell whether MODEL looks at the wrong place or reads wrongly.

    MODEL is the folder of a finished run, the name of a preset, or a .keras
    file. It is tested on its recipe's test set: looking as it learned to,
    elsewhere, and where the truth is.
    """
    with command(as_json):
        from keras_attention_cli.jobs import diagnose_file

        diagnosis = diagnose_file(model, out, recipe, averaged, data_dir)
    if as_json:
        click.echo(json.dumps(diagnosis))
        return
    click.echo(diagnosis["verdict"]["sentence"])
    for advice in diagnosis["advice"]:
        click.echo(f"- {advice['sentence']}")
    for name, one in diagnosis["policies"].items():
        low, high = one["interval"]
        click.echo(
            f"{name:10}{one['percent']:7.2f} % wrong "
            f"(95 %: {low:.2f} to {high:.2f})"
        )
