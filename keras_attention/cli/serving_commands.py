"""The command that serves an exported model."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import click

from keras_attention_cli.command import json_option
from keras_attention_cli.light import know_packages

TOKEN = "KERAS_ATTENTION_TOKEN"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--format",
    type=click.Choice(["tflite", "saved_model"]),
    default="tflite",
    show_default=True,
    help="Which of the exported files to serve.",
)
@click.option(
    "--name",
    default="model",
    show_default=True,
    help="What clients call the model.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 lets other machines in.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8501,
    show_default=True,
    help="Port of the REST protocols; 0 takes a free one.",
)
@click.option(
    "--grpc-port",
    type=click.IntRange(0, 65535),
    default=8081,
    show_default=True,
    help="Port of the gRPC protocol; 0 takes a free one.",
)
@click.option(
    "--workers",
    "num_workers",
    default=2,
    show_default=True,
    help="Processes that hold the model; one that dies is replaced.",
)
@click.option(
    "--max-body",
    default=16 * 2**20,
    show_default=True,
    help="Bytes that the body of a request may have.",
)
@click.option(
    "--max-batch",
    default=128,
    show_default=True,
    help="Images that a request may hold.",
)
@click.option(
    "--timeout",
    default=30.0,
    show_default=True,
    help="Seconds to send a request in, and to answer it in.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="File with the bearer token that clients must send, instead of the "
    f"environment variable {TOKEN}.",
)
@json_option
def serve(token_file: Path | None, as_json: bool, **options: Any) -> None:
    """Serve an exported FOLDER over REST and gRPC.

    Answers the REST paths of TensorFlow Serving (V1), the Open Inference
    Protocol (V2) over REST and gRPC, /v2/health/ready and /metrics.
    """
    know_packages()
    from keras_attention.export.server import Settings
    from keras_attention.export.server import serve as run

    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # It warns of every client that speaks no HTTP.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)

    def on_ready(url: str, grpc: str) -> None:
        where = {"name": options["name"], "url": url, "grpc": grpc}
        click.echo(
            json.dumps(where)
            if as_json
            else f"Serving {options['name']!r} at {url}, gRPC at {grpc}"
        )

    try:
        settings = Settings(token=_token(token_file), **options)
        if settings.is_exposed:
            click.echo(
                f"Whoever reaches {settings.host} may use this server: no "
                "token is required.",
                err=True,
            )
        run(settings, on_ready)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _token(file: Path | None) -> str | None:
    """The token, of a file or of the environment; never of an argument."""
    token = os.environ.pop(TOKEN, None)
    if file is not None:
        token = file.read_text("utf-8")
    return token if token is None else token.strip()
