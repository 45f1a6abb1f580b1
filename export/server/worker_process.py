"""A worker as the front sees it: a process at the end of a socket."""

import asyncio
import contextlib
import os
import pickle
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import frames

LOADING_SECONDS = 120
# One core for each worker: there are several.
ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


class WorkerProcess:
    """One process that holds the model, see `worker.py`."""

    def __init__(self, process: Any, reader: Any, writer: Any):
        """Made by `start`."""
        self._process = process
        self._reader, self._writer = reader, writer

    @classmethod
    async def start(
        cls, arguments: Sequence[str], descriptors: Sequence[int] = ()
    ) -> "WorkerProcess":
        """Starts a process; it loads the model by and by.

        Args:
            arguments: those of `worker.py` after the first.
            descriptors: open files that it needs.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            script = Path(__file__).with_name("worker.py")
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", str(script), str(theirs.fileno())),
                *arguments,
                pass_fds=[theirs.fileno(), *descriptors],
                stdin=asyncio.subprocess.DEVNULL,
                # Ctrl-C is for the front alone: it decides when they end.
                start_new_session=True,
                env={**ENVIRONMENT, **os.environ},
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        return cls(process, reader, writer)

    async def loaded(self) -> dict[str, tuple[dict, dict]]:
        """What the model is, once it is loaded.

        Raises:
            ValueError: if it cannot be loaded.
        """
        try:
            async with asyncio.timeout(LOADING_SECONDS):
                state, about = await self._read()
        except (TimeoutError, OSError, EOFError) as error:
            await self.end()
            raise ValueError(
                "The process that was to load the model ended "
                f"({self.epitaph}): its files may be damaged"
            ) from error
        if state != "ready":
            await self.end()
            raise ValueError(about)
        return about

    async def ask(self, requests: list[tuple]) -> list[tuple[str, Any]]:
        """The answers to requests, see `answers.Answerer`.

        Raises:
            OSError: if the process ends before it has answered.
            EOFError: likewise.
        """
        self._writer.write(frames.packed(requests))
        await self._writer.drain()
        return await self._read()

    async def _read(self) -> Any:
        head = await self._reader.readexactly(frames.LENGTH.size)
        (size,) = frames.LENGTH.unpack(head)
        return pickle.loads(await self._reader.readexactly(size))

    def kill(self) -> None:
        """Ends the process at once, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def wait(self) -> None:
        """Waits until the process has ended."""
        await self._process.wait()

    async def end(self) -> None:
        """Ends the process and waits until it has."""
        self._writer.close()
        self.kill()
        await self.wait()

    @property
    def epitaph(self) -> str:
        """Which process it was and how it ended."""
        code = self._process.returncode
        how = f"signal {-code}" if code and code < 0 else f"exit code {code}"
        return f"process {self._process.pid}, {how}"
