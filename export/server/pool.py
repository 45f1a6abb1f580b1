"""A pool of worker processes, none of whose requests is lost with it.

Predictions are pure functions, so that a request whose worker died is handed
to another. A worker has few requests at a time; the others wait, in order.
"""

import asyncio
import functools
import itertools
import logging
from collections.abc import Sequence
from typing import Any

from .errors import BadRequestError, FailedError, OverloadedError, TooSlowError
from .signatures import GROUPS
from .worker_process import WorkerProcess

MAX_WAITING = 1024
# Bytes of a request that may share a worker with others.
SMALL = 65536
# A request that ends so many workers is to blame itself.
MAX_ATTEMPTS = 3
# Between two starts of a worker that does not come up.
PAUSE_SECONDS = 1.0
# For so long the server counts as ready while all workers are replaced.
GRACE_SECONDS = 5.0

logger = logging.getLogger("keras_attention.serve")


class _Job:
    """A request that waits for its answer."""

    def __init__(self, request: tuple):
        self.request = request
        self.answer = asyncio.get_running_loop().create_future()
        self.worker: WorkerProcess | None = None
        self.attempts = 0
        self._is_small = _size(request) <= SMALL

    @property
    def may_be_joined(self) -> bool:
        """Whether it may share a worker with others.

        Not if it is large, as they would wait for it, nor if it has lost a
        worker, as it may be to blame for that.
        """
        return self._is_small and not self.attempts

    def finish(self, state: str, content: Any) -> None:
        """Gives what a worker said to whom waits for it."""
        if self.answer.done():  # who asked has given up
            return
        if state == "ok":
            self.answer.set_result(content)
        else:
            if state == "failed":
                logger.error("A request failed: %s", content)
            errors = {"invalid": BadRequestError, "failed": FailedError}
            self.answer.set_exception(errors[state](content))


class Pool:
    """Workers, and the requests that wait for one.

    Args:
        arguments: what `WorkerProcess.start` takes.
        descriptors: likewise.
        num_workers: how many processes.
        timeout: seconds that a request may take, waiting included.

    Attributes:
        num_ready: how many workers can answer.
        num_replaced: how many workers ended and had to be replaced.
        num_repeated: how many requests were handed to another worker.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        descriptors: Sequence[int],
        num_workers: int,
        timeout: float,
    ):
        self._start = functools.partial(
            WorkerProcess.start, arguments, descriptors
        )
        self._num_workers = num_workers
        self._timeout = timeout
        # Pairs of a number and a job: one that is repeated keeps its place.
        self._waiting: asyncio.PriorityQueue = asyncio.PriorityQueue()
        self._numbers = itertools.count()
        self._tasks: list[asyncio.Task] = []
        self._last_ready = 0.0
        self.num_ready = self.num_replaced = self.num_repeated = 0

    async def start(self) -> dict[str, tuple[dict, dict]]:
        """Starts the workers and waits until they have loaded the model.

        Returns:
            For each signature the tensors that it takes and those it gives.

        Raises:
            ValueError: if the model cannot be loaded.
        """
        workers = [await self._start() for _ in range(self._num_workers)]
        try:
            abouts = [await worker.loaded() for worker in workers]
        except BaseException:
            for worker in workers:
                await worker.end()
            raise
        self._tasks = [
            asyncio.create_task(self._keep(worker)) for worker in workers
        ]
        return abouts[0]

    @property
    def num_waiting(self) -> int:
        """How many requests no worker has yet."""
        return self._waiting.qsize()

    @property
    def healthy(self) -> bool:
        """Whether requests are answered, now or once a worker is replaced."""
        now = asyncio.get_running_loop().time()
        return self.num_ready > 0 or now - self._last_ready < GRACE_SECONDS

    async def run(self, protocol: str, signature: str, request: Any) -> Any:
        """What a worker answers; see `answers.Answerer`.

        Raises:
            ServingError: if there is no answer.
        """
        if self.num_waiting >= MAX_WAITING:
            raise OverloadedError(
                "Too many requests wait for an answer; try later"
            )
        job = _Job((protocol, signature, request))
        self._waiting.put_nowait((next(self._numbers), job))
        try:
            async with asyncio.timeout(self._timeout):
                return await job.answer
        except TimeoutError:
            if job.worker is None:
                raise OverloadedError(
                    f"No worker was free within {self._timeout:g} s; try later"
                ) from None
            # There is no other way to stop a computation.
            job.worker.kill()
            raise TooSlowError(
                f"The model did not answer within {self._timeout:g} s"
            ) from None

    async def close(self) -> None:
        """Ends all workers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, worker: WorkerProcess) -> None:
        """Gives requests to a worker, and to those that replace it."""
        while True:
            self.num_ready += 1
            try:
                await self._serve_until_it_ends(worker)
            finally:
                self.num_ready -= 1
                self._last_ready = asyncio.get_running_loop().time()
                await worker.end()
            self.num_replaced += 1
            logger.warning("Worker %s; starting another", worker.epitaph)
            worker = await self._started()

    async def _serve_until_it_ends(self, worker: WorkerProcess) -> None:
        tasks = [
            asyncio.create_task(self._serve(worker)),
            asyncio.create_task(worker.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            for end in ends:
                if isinstance(end, Exception) and not isinstance(
                    end, (OSError, EOFError)
                ):
                    logger.error("A request ended a worker", exc_info=end)

    async def _serve(self, worker: WorkerProcess) -> None:
        while True:
            jobs = await self._take()
            for _, job in jobs:
                job.worker = worker
            try:
                answers = await worker.ask([job.request for _, job in jobs])
            except BaseException:  # cancelled, too: the worker has ended
                for number, job in jobs:
                    self._repeat(number, job)
                raise
            for (_, job), answer in zip(jobs, answers, strict=True):
                job.finish(*answer)

    async def _take(self) -> list[tuple[int, _Job]]:
        """The next request, with others if more wait than workers can take."""
        jobs = [await self._waiting.get()]
        share = 1 + self.num_waiting // max(1, self.num_ready)
        group = max(size for size in GROUPS if size <= share)
        while jobs[-1][1].may_be_joined and len(jobs) < group:
            jobs.append(self._waiting.get_nowait())
        if len(jobs) > 1 and not jobs[-1][1].may_be_joined:
            self._waiting.put_nowait(jobs.pop())
        # Who asked may have given up.
        return [pair for pair in jobs if not pair[1].answer.done()]

    def _repeat(self, number: int, job: _Job) -> None:
        """Puts a request whose worker ended where it was in the queue."""
        job.worker = None
        job.attempts += 1
        if job.answer.done():  # it took too long, and was ended for that
            return
        if job.attempts < MAX_ATTEMPTS:
            self.num_repeated += 1
            self._waiting.put_nowait((number, job))
        else:
            job.finish(
                "failed",
                f"{MAX_ATTEMPTS} workers ended while they had this request",
            )

    async def _started(self) -> WorkerProcess:
        while True:
            try:
                worker = await self._start()
                await worker.loaded()
            except (OSError, ValueError) as error:
                logger.error("A worker did not start: %s", error)
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return worker


def _size(content: Any) -> int:
    """Bytes of a request."""
    if isinstance(content, (bytes, str)):
        return len(content)
    if isinstance(content, dict):
        return _size(list(content.values()))
    if isinstance(content, (list, tuple)):
        return sum(map(_size, content))
    return content.nbytes
