"""What every command shares: options, errors as messages, what it prints."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator

import click

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)
data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False),
    help="Folder of TensorFlow Datasets with MNIST, instead of TFDS_DATA_DIR.",
)

recipe_option = click.option(
    "--recipe",
    help="Whose test set to use: for a .keras file, which does not tell.",
)

threshold_option = click.option(
    "--threshold",
    type=float,
    help="Stop looking at an image once a class is this probable, 0-1.",
)


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
def command(as_json: bool) -> Iterator[None]:
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


def print_values(values: dict, as_json: bool) -> None:
    """Prints a line for each value, or one JSON object."""
    if as_json:
        click.echo(json.dumps(values))
        return
    width = max(len(name) for name in values)
    for name, value in values.items():
        click.echo(f"{name.replace('_', ' '):{width}}  {value}")
