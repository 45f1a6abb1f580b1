"""The command `keras-attention`: parses arguments, calls, prints.

TensorFlow is imported by the commands that need it, so that help is quick.
"""

from pathlib import Path

import click

from keras_attention_cli import (
    export_commands,
    preset_commands,
    serving_commands,
    training_commands,
    web_command,
)
from keras_attention_cli.command import command, json_option, print_values


@click.group(context_settings={"max_content_width": 88})
@click.version_option(package_name="keras-visual-attention")
def main() -> None:
    """Train, test, export and use models that look before they decide."""


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="demo",
    show_default=True,
    help="Folder for the run, the exported files and the page.",
)
@click.option("--seed", type=int, help="Repeats a run.  [default: 0]")
@click.option(
    "--web",
    is_flag=True,
    help="Then open a page to draw on, and watch the model look.",
)
@web_command.port_option
@json_option
def demo(
    out: Path, seed: int | None, web: bool, port: int, as_json: bool
) -> None:
    """Watch a model learn where to look, then hold its files.

    Trains on handwritten digits that come with scikit-learn (no network), on
    cluttered canvases; tests, exports, checks and shows what it looked at. A
    demo that was stopped goes on where it was.
    """
    with command(as_json):
        from keras_attention_cli.demo import run_demo

        results = run_demo(out, seed, ["web"] if web else [])
        if web:
            from keras_attention_cli.web_page import make_page

            page = make_page(out / "exported", out / "web")
    print_values(results, as_json)
    if web:
        web_command.serve_until_stopped(page, port, as_json)


for one in (
    training_commands.list_recipes,
    training_commands.train,
    training_commands.evaluate,
    training_commands.diagnose,
    preset_commands.presets,
    export_commands.export,
    export_commands.predict,
    serving_commands.serve,
    web_command.web,
    demo,
):
    main.add_command(one)
