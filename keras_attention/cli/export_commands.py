"""The commands that export a model and use what was exported."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from keras_attention_cli.batches import (
    BEAM_OPTIONS,
    WithBeamOptions,
    predict_batch,
)
from keras_attention_cli.command import (
    command,
    data_dir_option,
    json_option,
    print_values,
    recipe_option,
    threshold_option,
)


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to write; a second export into it makes version 2.",
)
@click.option(
    "--formats",
    default="",
    metavar="LIST",
    help="Write these too, with commas between: float16, dynamic_range, int8 "
    "(kinds of TFLite), onnx, web (for the page in a browser).",
)
@click.option(
    "--shape",
    metavar="B,H,W,C",
    help="Images that the files take, such as 1,28,28,1, with ? for a free "
    "side.  [default: any number, of the model's size]",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "uint8"]),
    default="float32",
    show_default=True,
    help="Of these images: [0, 1] or 0-255.",
)
@threshold_option
@click.option(
    "--max-accuracy-drop",
    type=click.FloatRange(min=0),
    default=0.5,
    show_default=True,
    help="Percentage points of accuracy that a file may lose, where the "
    "classes of the examples are known.",
)
@click.option(
    "--examples",
    type=click.Path(path_type=Path, dir_okay=False),
    help=".npz file of images, and classes, to compare on instead.",
)
@recipe_option
@data_dir_option
@json_option
def export(
    source: Path, out: Path, formats: str, as_json: bool, **options: Any
) -> None:
    """Export the trained model of SOURCE as SavedModel and TFLite.

    SOURCE is the folder of a finished run, the name of a preset, or a .keras
    file. All files are loaded again in processes without this package and
    compared with Keras on real images before anything is put into place.
    """
    with command(as_json):
        from keras_attention_cli.jobs import export_source

        click.echo("Exporting, and checking all files against Keras", err=True)
        names = [name.strip() for name in formats.split(",") if name.strip()]
        card = export_source(source, out, formats=names, **options)
    summary = {
        "saved_model": str(out / "saved_model"),
        "tflite": str(out / "model.tflite"),
        "model_card": str(out / "model_card.json"),
        "largest_difference": card["parity"]["largest_difference"],
        "moved_by_rounding": card["parity"]["moved_by_rounding"],
        "accuracy": card["accuracy"],
    }
    if as_json:
        files = sorted(card["files"])
        details = {"files": files, "kinds": card["tflite"]}
        click.echo(json.dumps({**summary, **details}))
        return
    print_values(summary, as_json=False)
    for line in _table(card):
        click.echo(line)


def _table(card: dict) -> Iterator[str]:
    """What each kind of TFLite file costs and loses."""
    yield f"{'':28}{'kB':>8}{'ms':>8}{'same class':>12}{'accuracy':>10}"
    for name, kind in card["tflite"].items():
        accuracy = kind.get("accuracy")
        shown = "" if accuracy is None else f"{accuracy:.2%}"
        yield (
            f"{name:28}{kind['bytes'] / 1000:8.0f}{kind['latency_ms']:8.3f}"
            f"{kind['class_agreement']:12.2%}{shown:>10}"
        )


@click.command(cls=WithBeamOptions)
@click.argument("exported", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1)
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="PNG file to draw where it looked.",
)
@click.option(
    "--beam",
    is_flag=True,
    help="Read any number of images with Apache Beam, into the folder --out.",
)
@click.option("--out", help="With --beam: folder to write.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="With --beam: processes on this machine.",
)
@json_option
def predict(
    exported: Path,
    images: tuple[str, ...],
    picture: Path | None,
    beam: bool,
    out: str | None,
    workers: int,
    as_json: bool,
) -> None:
    """Read IMAGES (PNG or JPEG) with an EXPORTED model.

    EXPORTED is the folder that `export` wrote, its TFLite file, or its
    SavedModel.

    With --beam the SavedModel is taken. IMAGES are then also folders, patterns
    such as 'scans/**.png', and @FILE, a text file with a path on each line.
    The answers are in OUT/predictions.jsonl, images that cannot be read in
    OUT/failures.jsonl, together a line for each image. A run that was killed
    goes on when it is started again. Options of Apache Beam follow after --:

    keras-attention predict exported scans --beam --out answers
    -- --runner=FlinkRunner --flink_master=HOST:PORT
    """
    if not images:
        raise click.UsageError("Give at least one image.")
    if beam:
        if out is None or picture is not None:
            raise click.UsageError("--beam needs --out; it draws no --picture.")
        with command(as_json):
            options = click.get_current_context().meta[BEAM_OPTIONS]
            done = predict_batch(exported, images, out, workers, options)
        print_values(done, as_json)
        return
    if out is not None:
        raise click.UsageError("--out is for --beam.")
    with command(as_json):
        from keras_attention_cli.jobs import predict_files

        files = [Path(image) for image in images]
        predictions = predict_files(exported, files, picture)
    if as_json:
        click.echo(json.dumps({"predictions": predictions}))
        return
    for answer in predictions:
        places = answer.get("location", ())
        looked = " ".join(f"({x:+.2f},{y:+.2f})" for x, y in places)
        click.echo(
            f"{answer['image']}: {answer['label']} "
            f"({answer['probability']:.1%})"
            + (f", looked at {looked}" if looked else "")
        )
