"""Starts all parts of a server, and stops them in order."""

import asyncio
import contextlib
import gc
import importlib.util
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .pool import Pool
from .settings import Settings


def serve(settings: Settings, on_ready: Callable[[str, str], None]) -> None:
    """Serves until the process is told to end.

    After SIGTERM or SIGINT nothing new is accepted, and what has been
    accepted is answered.

    Args:
        settings: what to serve, where, with which limits.
        on_ready: called with the URL of the REST protocols and the address of
            the gRPC protocol, once both answer.

    Raises:
        ValueError: if the model cannot be loaded, or KServe is not installed.
        OSError: if a port cannot be had.
    """
    if importlib.util.find_spec("kserve") is None:
        raise ValueError(
            "Serving needs KServe: pip install 'keras-visual-attention[serve]'"
        )
    import uvloop

    # Workers are started while gRPC runs; they are other programs at once.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, on_ready))


async def _serve(
    settings: Settings, on_ready: Callable[[str, str], None]
) -> None:
    with _held(settings.file) as (path, descriptors):
        pool = Pool(
            [path, settings.format, str(settings.max_batch)],
            descriptors,
            settings.num_workers,
            settings.timeout,
        )
        try:
            # The workers load the model while KServe is imported.
            signatures, _ = await asyncio.gather(
                pool.start(), asyncio.to_thread(_import_kserve)
            )
        except ValueError as error:
            reason = str(error).replace(path, str(settings.file))
            raise ValueError(reason) from error
        try:
            with _listening(settings) as listener:
                await _answer(settings, pool, signatures, listener, on_ready)
        finally:
            await pool.close()


@contextlib.contextmanager
def _held(file: Path) -> Iterator[tuple[str, Sequence[int]]]:
    """A path of the file as it is now, and what must be open for that.

    Another export may replace the file: all workers, those that come later
    too, serve the one that was there when the server started. The folder of
    a version stays as it is.
    """
    if file.is_dir():
        yield str(file), ()
        return
    with file.open("rb") as content:
        yield f"/dev/fd/{content.fileno()}", (content.fileno(),)


async def _answer(
    settings: Settings,
    pool: Pool,
    signatures: dict,
    listener: socket.socket,
    on_ready: Callable[[str, str], None],
) -> None:
    """Runs both servers until a signal comes."""
    from .grpc_server import start_grpc
    from .kserve_app import http_server, planes

    plane, repository = planes(settings, pool, signatures)
    http = http_server(settings, plane, repository)
    rpc, rpc_port = await start_grpc(settings, plane, repository)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn sets its own while it runs, and raises the signal once more
        # after it has stopped.
        signal.signal(number, lambda *_: setattr(http, "should_exit", True))
    # What was imported stays: it need not be looked through for garbage.
    gc.freeze()
    serving = asyncio.create_task(http.serve([listener]))
    while not (http.started or serving.done()):
        await asyncio.sleep(0.01)
    port = listener.getsockname()[1]
    on_ready(
        f"http://{_address(settings.host, port)}",
        _address(settings.host, rpc_port),
    )
    while not (http.should_exit or serving.done()):
        await asyncio.sleep(0.1)
    await asyncio.gather(serving, rpc.stop(settings.timeout))


def _import_kserve() -> None:
    """Imports KServe, which parses the command line of whoever imports it."""
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        importlib.import_module("kserve")
    finally:
        sys.argv = arguments


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server(
            (settings.host, settings.port), family=family, backlog=1024
        )
    except OSError as error:
        raise OSError(
            f"Cannot listen on {_address(settings.host, settings.port)}: "
            f"{error.strerror or error}"
        ) from error


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
