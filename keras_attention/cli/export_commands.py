"""The commands that export a model and use what was exported."""

import json
from pathlib import Path

import click

from keras_attention_cli.command import (
    command,
    data_dir_option,
    json_option,
    print_values,
    threshold_option,
)


@click.command()
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
    with command(as_json):
        from keras_attention_cli.jobs import export_run

        click.echo("Exporting, and checking both files against Keras", err=True)
        card = export_run(run, out, data_dir, threshold)
    summary = {
        "saved_model": str(out / "saved_model"),
        "tflite": str(out / "model.tflite"),
        "model_card": str(out / "model_card.json"),
        "largest_difference": card["parity"]["largest_difference"],
    }
    print_values(summary, as_json)


@click.command()
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
    with command(as_json):
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
