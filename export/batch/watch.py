"""Ends a pipeline whose worker process has died.

Apache Beam's DirectRunner waits for ever for a worker that was killed, as
where memory ran out. It learns of it in a thread of its own, which ends with
an exception; that is seen here, and a signal wakes the main thread.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

WORKER_THREAD = "run_worker"  # as Beam names it
SIGNAL = signal.SIGUSR1


@contextlib.contextmanager
def watched_workers() -> Iterator[None]:
    """Raises `RuntimeError` as soon as a worker process has died.

    Only where it is entered in the main thread: others cannot be woken.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deaths: list[BaseException | None] = []
    main, hook = threading.get_ident(), threading.excepthook

    def see(arguments: threading.ExceptHookArgs) -> None:
        if arguments.thread and arguments.thread.name == WORKER_THREAD:
            deaths.append(arguments.exc_value)
            signal.pthread_kill(main, SIGNAL)
        else:
            hook(arguments)

    def end(number: int, frame: FrameType | None) -> None:
        if deaths:
            raise RuntimeError(str(deaths[0]))

    handler = signal.signal(SIGNAL, end)
    threading.excepthook = see
    try:
        yield
    finally:
        threading.excepthook = hook
        signal.signal(SIGNAL, handler)
