"""Workers that are killed lose nothing, and the server ends in good order."""

import concurrent.futures
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import psutil
import pytest

from keras_attention import export
from keras_attention.export import client

CLIENTS, REQUESTS = 8, 60


def until(condition, seconds=30):
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not come to hold"
        time.sleep(0.05)


def test_killed_workers_are_replaced_and_no_request_is_lost(
    start_server, serving_folder, serving_images
):
    expected = export.load_exported(serving_folder).predict(serving_images)

    def ask_often(url):
        with client.V1Client(url) as one:
            return [one.predict(serving_images) for _ in range(REQUESTS)]

    with (
        start_server() as served,
        concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool,
    ):
        before = served.workers
        assert len(before) == 2
        asked = [pool.submit(ask_often, served.url) for _ in range(CLIENTS)]
        time.sleep(0.2)
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        answers = [found for one in asked for found in one.result()]
        assert len(answers) == CLIENTS * REQUESTS
        for found in answers:
            np.testing.assert_array_equal(found["class"], expected["class"])
        until(lambda: served.metric("keras_attention_workers_ready") == 2)
        assert not served.workers & before
        assert served.metric("keras_attention_workers_replaced_total") == 2


@pytest.fixture
def held(start_server, serving_images):
    """A server whose one worker stands still, and two requests it has."""
    with (
        start_server("--workers", "1") as served,
        concurrent.futures.ThreadPoolExecutor(2) as pool,
    ):
        (served.worker,) = served.workers
        os.kill(served.worker, signal.SIGSTOP)

        def ask():
            with client.V1Client(served.url) as one:
                return one.predict(serving_images)

        served.asked = [pool.submit(ask) for _ in range(2)]
        # Beside both there is the question itself.
        until(lambda: served.metric("keras_attention_http_requests_open") == 3)
        yield served


def test_what_a_killed_worker_had_is_answered_by_the_next(held):
    os.kill(held.worker, signal.SIGKILL)
    assert [len(one.result()["class"]) for one in held.asked] == [5, 5]
    assert held.metric("keras_attention_requests_repeated_total") >= 1


def test_what_was_accepted_is_answered_after_sigterm(held, serving_images):
    held.process.send_signal(signal.SIGTERM)
    until(lambda: refuses(held.url))
    os.kill(held.worker, signal.SIGCONT)
    assert [len(one.result()["class"]) for one in held.asked] == [5, 5]
    assert held.process.wait(30) == 0


def test_a_worker_that_takes_too_long_is_replaced(start_server, serving_images):
    with (
        start_server("--workers", "1", "--timeout", "2") as served,
        client.V1Client(served.url) as one,
    ):
        (worker,) = served.workers
        os.kill(worker, signal.SIGSTOP)
        with pytest.raises(client.ServerError, match="504: The model did not"):
            one.predict(serving_images)
        until(lambda: served.metric("keras_attention_workers_ready") == 1)
        assert len(one.predict(serving_images)["class"]) == 5
        assert worker not in served.workers


def refuses(url):
    with client.V1Client(url) as one:
        try:
            one.is_ready()
        except ConnectionError:
            return True
        return False


def test_a_later_worker_serves_the_file_that_was_there_at_the_start(
    start_server, serving_folder, serving_images, tmp_path
):
    file = tmp_path / "model.tflite"
    shutil.copy(serving_folder / "model.tflite", file)
    with (
        start_server("--workers", "1", folder=tmp_path) as served,
        client.V1Client(served.url) as one,
    ):
        before = one.predict(serving_images)
        # As an export does it: another file in its place.
        (tmp_path / "other").write_bytes(b"another model")
        (tmp_path / "other").replace(file)
        os.kill(*served.workers, signal.SIGKILL)
        after = one.predict(serving_images)
        np.testing.assert_array_equal(after["location"], before["location"])
        assert served.metric("keras_attention_workers_replaced_total") == 1


def test_workers_end_with_the_server_even_if_it_is_killed(start_server):
    with start_server("--workers", "1") as served:
        (worker,) = map(psutil.Process, served.workers)
        served.process.kill()
        served.process.wait()
        until(lambda: not worker.is_running())


def test_two_servers_do_not_share_a_port(start_server, served):
    for port in (("--port", served.url), ("--grpc-port", served.grpc)):
        command = [served.process.args[0], "serve", served.process.args[2]]
        number = port[1].rpartition(":")[2]
        done = subprocess.run(
            [*command, "--port", "0", "--grpc-port", "0", port[0], number],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "annot listen on 127.0.0.1" in done.stderr
        assert "Traceback" not in done.stderr
