"""The command that shows an export in the browser, and what it shares."""

import tempfile
from pathlib import Path
from typing import Any

import click

from keras_attention_cli.command import (
    command,
    data_dir_option,
    json_option,
    print_values,
    recipe_option,
)

port_option = click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port of the page's address; 0 takes one that is free.",
)


@click.command()
@click.argument("exported", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Only write the page there, for any web server.",
)
@port_option
@recipe_option
@data_dir_option
@json_option
def web(
    exported: Path, out: Path | None, port: int, as_json: bool, **options: Any
) -> None:
    """Watch an EXPORTED model look, in the browser.

    EXPORTED is the folder that `export --formats web` wrote. Its TFLite file
    runs in the browser, on a page at an address of this machine only; Ctrl-C
    ends it. The first time npm installs LiteRT.js.
    """
    if out is not None:
        with command(as_json):
            from keras_attention_cli.web_page import make_page

            make_page(exported, out, report=_note, **options)
        print_values({"page": str(out / "index.html")}, as_json)
        return
    with tempfile.TemporaryDirectory() as folder:
        with command(as_json):
            from keras_attention_cli.web_page import make_page

            page = Path(folder, "page")
            make_page(exported, page, report=_note, **options)
        serve_until_stopped(page, port, as_json)


def serve_until_stopped(page: Path, port: int, as_json: bool) -> None:
    """Serves a page, opens it, tells its address."""
    with command(as_json=False):
        from keras_attention_cli.web_page import show_page

        show_page(page, port, lambda address: _tell(address, as_json))
    _note("Stopped")


def _tell(address: str, as_json: bool) -> None:
    print_values({"address": address}, as_json)
    _note("Ctrl-C ends it")


def _note(text: str) -> None:
    click.echo(text, err=True)
