"""No request is lost with a worker; the workers here only pretend."""

import asyncio

import pytest

from keras_attention.export.server import errors, pool
from keras_attention.export.server.pool import Pool


class FakeWorker:
    """Answers with what it was asked; ends at "die", stops at "hang"."""

    has_died, has_memory = False, True
    epitaph = "fake, signal 9"

    @classmethod
    async def start(cls, arguments, descriptors):
        if not cls.has_memory:
            raise ValueError("no memory")
        return cls()

    def __init__(self):
        self._ended = asyncio.Event()

    async def loaded(self):
        return {"about": "it"}

    async def ask(self, requests):
        words = [content.strip() for _, _, content in requests]
        if "surprise" in words:
            raise RuntimeError("what nobody thought of")
        if "die" in words or ("die once" in words and not self.has_died):
            FakeWorker.has_died = True
            self.kill()
        if "hang" in words or self._ended.is_set():
            await self._ended.wait()
            raise EOFError
        await asyncio.sleep(0)
        return [
            ("invalid", "wrong") if word == "wrong" else ("ok", word)
            for word in words
        ]

    def kill(self):
        self._ended.set()

    async def wait(self):
        await self._ended.wait()

    async def end(self):
        self.kill()


@pytest.fixture(autouse=True)
def _fake_workers(monkeypatch):
    monkeypatch.setattr(FakeWorker, "has_died", False)
    monkeypatch.setattr(pool, "WorkerProcess", FakeWorker)


def with_pool(function, num_workers=2, timeout=5.0):
    """Runs a coroutine function of a started pool."""

    async def run():
        workers = Pool([], (), num_workers, timeout)
        assert await workers.start() == {"about": "it"}
        try:
            return await function(workers)
        finally:
            await workers.close()

    return asyncio.run(run())


def ask(workers, *words):
    return asyncio.gather(
        *(workers.run("v2", "s", word) for word in words),
        return_exceptions=True,
    )


def test_every_request_gets_its_own_answer():
    words = [str(number) for number in range(50)]
    assert with_pool(lambda workers: ask(workers, *words)) == words


def test_what_is_wrong_with_a_request_reaches_who_sent_it():
    found, right = with_pool(lambda workers: ask(workers, "wrong", "right"))
    assert isinstance(found, errors.BadRequestError)
    assert str(found) == "wrong"
    assert right == "right"


def test_a_request_whose_worker_ends_is_answered_by_another():
    async def run(workers):
        found = await ask(workers, *"abc", "die once", *"defgh")
        return found, workers.num_replaced, workers.num_repeated

    found, replaced, repeated = with_pool(run)
    assert found == [*"abc", "die once", *"defgh"]
    assert replaced == 1
    assert repeated >= 1


def test_a_request_that_ends_its_workers_harms_no_other():
    async def run(workers):
        found = await ask(workers, *"abcde", "die", *"fgh")
        return found, workers.num_replaced

    found, replaced = with_pool(run)
    fault = found.pop(5)
    assert found == list("abcdefgh")
    assert isinstance(fault, errors.FailedError)
    assert "3 workers ended while they had this request" in str(fault)
    assert replaced == 3


def test_an_error_that_nobody_thought_of_is_told_and_harms_no_other(caplog):
    found = with_pool(lambda workers: ask(workers, *"ab", "surprise", *"cd"))
    fault = found.pop(2)
    assert found == list("abcd")
    assert isinstance(fault, errors.FailedError)
    assert "what nobody thought of" in caplog.text


def test_what_has_no_size_is_refused_before_it_has_a_worker():
    async def run(workers):
        with pytest.raises(AttributeError):
            await workers.run("v2", "s", {"image_bytes": [1]})
        return await ask(workers, "a"), workers.num_replaced

    assert with_pool(run) == (["a"], 0)


def test_a_worker_that_ends_while_idle_is_replaced():
    async def run(workers):
        (worker,) = [
            one
            for task in asyncio.all_tasks()
            for one in [task.get_coro().cr_frame.f_locals.get("worker")]
            if one is not None
        ][:1]
        worker.kill()
        while workers.num_replaced == 0:
            await asyncio.sleep(0.01)
        return await ask(workers, "a"), workers.num_ready

    assert with_pool(run, num_workers=1) == (["a"], 1)


def test_an_answer_that_takes_too_long_is_given_up_and_its_worker_ended():
    async def run(workers):
        found = await ask(workers, "hang".ljust(pool.SMALL), "a", "b")
        while workers.num_replaced == 0:
            await asyncio.sleep(0.01)
        return found

    slow, *others = with_pool(run, timeout=0.2)
    assert isinstance(slow, errors.TooSlowError)
    assert "did not answer within 0.2 s" in str(slow)
    assert others == ["a", "b"]


def test_a_request_that_no_worker_takes_in_time_is_refused():
    hang = "hang".ljust(pool.SMALL)
    slow, late = with_pool(
        lambda workers: ask(workers, hang, "late"), num_workers=1, timeout=0.1
    )
    assert isinstance(slow, errors.TooSlowError)
    assert isinstance(late, errors.OverloadedError)
    assert "No worker was free within 0.1 s" in str(late)


def test_more_requests_than_may_wait_are_refused(monkeypatch):
    monkeypatch.setattr(pool, "MAX_WAITING", 3)
    found = with_pool(
        lambda workers: ask(workers, "hang", *"abcdef"),
        num_workers=1,
        timeout=0.2,
    )
    full = [one for one in found if "Too many requests wait" in str(one)]
    assert full
    assert all(isinstance(one, errors.OverloadedError) for one in full)


def test_it_stays_ready_for_a_while_without_workers(monkeypatch):
    async def run(workers):
        monkeypatch.setattr(FakeWorker, "has_memory", False)
        with pytest.raises(errors.ServingError):
            await workers.run("v2", "s", "die")
        ready = workers.healthy
        monkeypatch.setattr(pool, "GRACE_SECONDS", 0)
        return ready, workers.healthy

    monkeypatch.setattr(pool, "PAUSE_SECONDS", 0.01)
    assert with_pool(run, num_workers=1, timeout=0.1) == (True, False)
