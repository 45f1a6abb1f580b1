"""Batches of images on the command line: `predict --beam`."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

BEAM_OPTIONS = "keras_attention.beam_options"
# So much of what workers wrote is shown where the pipeline fails.
SHOWN_BYTES = 4000


class WithBeamOptions(click.Command):
    """A command where, after --beam, options of Apache Beam follow `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keeps them apart, in `ctx.meta[BEAM_OPTIONS]`."""
        end = args.index("--") if "--" in args else len(args)
        if "--beam" in args[:end]:
            ctx.meta[BEAM_OPTIONS] = args[end + 1 :]
            args = args[:end]
        return super().parse_args(ctx, args)


def predict_batch(
    exported: Path,
    images: Sequence[str],
    out: str,
    num_workers: int,
    beam_options: Sequence[str],
) -> dict:
    """Calls `export.batch.predict_images`, without what Beam logs meanwhile.

    Raises:
        RuntimeError: if Apache Beam is not installed, and as that does.
    """
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    with _stderr_kept():
        try:
            from keras_attention.export import batch
        except ModuleNotFoundError as error:
            raise RuntimeError(f"--beam: {error}") from error
        return batch.predict_images(
            exported,
            images,
            out,
            num_workers=num_workers,
            beam_options=beam_options,
        )


@contextlib.contextmanager
def _stderr_kept() -> Iterator[None]:
    """Shows what is written to the standard error only if something fails.

    The worker processes write their log there, whatever its level.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except RuntimeError:
            sys.stderr.flush()
            kept.seek(max(0, kept.tell() - SHOWN_BYTES))
            os.write(stderr, kept.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
