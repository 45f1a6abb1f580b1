import threading
import time

import pytest

from keras_attention.export.batch.watch import watched_workers


def die():
    raise RuntimeError("exit code 137")


@watched_workers()
def wait_for_a_worker_that_dies():
    threading.Thread(target=die, name="run_worker").start()
    threading.Event().wait(60)


def test_the_death_of_a_worker_ends_the_wait_for_it():
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="exit code 137"):
        wait_for_a_worker_that_dies()
    assert time.monotonic() - start < 30


def test_other_threads_fail_as_ever(monkeypatch):
    seen = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    with watched_workers():
        thread = threading.Thread(target=die, name="mine")
        thread.start()
        thread.join()
    assert [str(one.exc_value) for one in seen] == ["exit code 137"]
    assert threading.excepthook == seen.append


def test_in_another_thread_nothing_is_watched():
    hook = threading.excepthook
    inside = []

    def run():
        with watched_workers():
            inside.append(threading.excepthook)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert inside == [hook]
