"""The command `keras-attention`: parses arguments, calls, prints.

TensorFlow is imported by the commands that need it, so that help is quick.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)
data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False),
    help="Folder of TensorFlow Datasets with MNIST, instead of TFDS_DATA_DIR.",
)

threshold_option = click.option(
    "--threshold",
    type=float,
    help="Stop looking at an image once a class is this probable, 0-1.",
)


@click.group(context_settings={"max_content_width": 88})
@click.version_option(package_name="keras-visual-attention")
def main() -> None:
    """Train, test, export and use models that look before they decide."""


@main.command("list")
@json_option
def list_recipes(as_json: bool) -> None:
    """List the recipes that `train` knows."""
    with _command(as_json):
        from keras_attention.training import recipes

        known = {name: recipes.get(name).summary for name in recipes.names()}
    if as_json:
        click.echo(json.dumps(known))
        return
    for name, summary in known.items():
        click.echo(f"{name:16}{summary}")


@main.command()
@click.argument("recipe")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the run.  [default: runs/RECIPE]",
)
@click.option("--seed", default=0, show_default=True, help="Repeats a run.")
@click.option("--epochs", type=int, help="Instead of the recipe's number.")
@click.option("--resume", is_flag=True, help="Continue a run that was stopped.")
@data_dir_option
@json_option
def train(
    recipe: str,
    out: Path | None,
    seed: int,
    epochs: int | None,
    resume: bool,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Train RECIPE (see `list`) into a run folder.

    Ctrl-C stops it after saving nothing new; the same command with --resume
    continues after the last finished epoch, exactly as if never stopped.
    """
    out = out or Path("runs") / recipe
    with _command(as_json):
        from keras_attention import training

        try:
            if resume:
                results = training.resume(out, recipe, data_dir=data_dir)
            else:
                results = training.train(
                    recipe, out, seed=seed, epochs=epochs, data_dir=data_dir
                )
        except KeyboardInterrupt:
            click.echo(
                f"\nStopped. Continue with: keras-attention train {recipe} "
                f"--out {out} --resume",
                err=True,
            )
            sys.exit(130)
    _print({**results, "run": str(out)}, as_json)


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--policy",
    type=click.Choice(["sample", "mode", "random", "center"]),
    help="Where to look, instead of where it learned to.",
)
@threshold_option
@data_dir_option
@json_option
def evaluate(
    run: Path,
    policy: str | None,
    threshold: float | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Test the trained model of RUN on its recipe's test set."""
    with _command(as_json):
        from keras_attention import training

        figures = training.evaluate_run(
            run, policy, data_dir, threshold=threshold
        )
    _print(figures, as_json)


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write diagnosis.json and index.html to.",
)
@click.option(
    "--recipe",
    help="Whose test set to use: for a .keras file, which does not tell.",
)
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

    MODEL is the folder of a finished run, or a .keras file. It is tested on
    its recipe's test set: looking as it learned to, elsewhere, and where the
    truth is.
    """
    with _command(as_json):
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


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to write; a second export into it makes version 2.",
)
@threshold_option
@data_dir_option
@json_option
def export(
    run: Path,
    out: Path,
    threshold: float | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Export the trained model of RUN as SavedModel and TFLite.

    Both files are loaded again in processes without this package and compared
    with Keras on real images before anything is put into place.
    """
    with _command(as_json):
        from keras_attention_cli.jobs import export_run

        click.echo("Exporting, and checking both files against Keras", err=True)
        card = export_run(run, out, data_dir, threshold)
    summary = {
        "saved_model": str(out / "saved_model"),
        "tflite": str(out / "model.tflite"),
        "model_card": str(out / "model_card.json"),
        "largest_difference": card["parity"]["largest_difference"],
    }
    _print(summary, as_json)


@main.command()
@click.argument("exported", type=click.Path(path_type=Path))
@click.argument("images", type=click.Path(path_type=Path), nargs=-1)
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="PNG file to draw where it looked.",
)
@json_option
def predict(
    exported: Path,
    images: tuple[Path, ...],
    picture: Path | None,
    as_json: bool,
) -> None:
    """Read IMAGES (PNG or JPEG) with an EXPORTED model.

    EXPORTED is the folder that `export` wrote, its TFLite file, or its
    SavedModel.
    """
    if not images:
        raise click.UsageError("Give at least one image.")
    with _command(as_json):
        from keras_attention_cli.jobs import predict_files

        predictions = predict_files(exported, images, picture)
    if as_json:
        click.echo(json.dumps({"predictions": predictions}))
        return
    for answer in predictions:
        looked = " ".join(f"({x:+.2f},{y:+.2f})" for x, y in answer["location"])
        click.echo(
            f"{answer['image']}: {answer['label']} "
            f"({answer['probability']:.1%}), looked at {looked}"
        )


@main.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="demo",
    show_default=True,
    help="Folder for the run, the exported files and the page.",
)
@click.option("--seed", default=0, show_default=True, help="Repeats a run.")
@json_option
def demo(out: Path, seed: int, as_json: bool) -> None:
    """Watch a model learn where to look, then hold its files.

    Trains on handwritten digits that come with scikit-learn (no network), on
    cluttered canvases; tests, exports, checks and shows what it looked at. A
    demo that was stopped goes on where it was.
    """
    with _command(as_json):
        from keras_attention_cli.demo import run_demo

        results = run_demo(out, seed)
    _print(results, as_json)


def _import_quietly() -> None:
    """Imports TensorFlow without its notes on the machine and on kernels.

    They are not for those who use a command. Some it writes to the file of
    the standard error while it is imported, whatever the level.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    stderr = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        import keras_attention  # noqa: F401
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


@contextlib.contextmanager
def _command(as_json: bool) -> Iterator[None]:
    """Turns what is wrong with the input into a message and exit code 1.

    With `as_json` whatever else is printed goes to the standard error, so
    that the standard output holds one JSON object.
    """
    redirect = (
        contextlib.redirect_stdout(sys.stderr)
        if as_json
        else contextlib.nullcontext()
    )
    try:
        _import_quietly()
        with redirect:
            yield
    except (ValueError, OSError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error


def _print(values: dict, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(values))
        return
    width = max(len(name) for name in values)
    for name, value in values.items():
        click.echo(f"{name.replace('_', ' '):{width}}  {value}")
