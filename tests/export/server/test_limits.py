"""Wrong, large and slow requests are refused, and the server stays up."""

import asyncio
import importlib.util
import json
import pathlib
import socket

import pytest

from keras_attention.export import client

BENCHMARK = (
    pathlib.Path(__file__).parents[3] / "benchmarks" / "serving_malformed.py"
)


@pytest.fixture(scope="module")
def malformed():
    """The module that lists what can be wrong with a request."""
    spec = importlib.util.spec_from_file_location("malformed", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def strict(start_server):
    """A server that does not wait for long."""
    with start_server("--timeout", "2", "--max-batch", "3") as running:
        yield running


def send(url, content):
    """All that is answered to bytes, until the connection is closed."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(content)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def test_every_kind_of_wrong_request_gets_a_reason(strict, malformed):
    shape = (12, 10, 1)
    kinds = len(malformed.wrong_requests(shape))
    failures, statuses = asyncio.run(
        malformed.send_all(strict.url, shape, kinds)
    )
    assert failures == []
    assert set(statuses["no such model"]) == {404}
    assert set(statuses["packed"]) == {415}
    assert set(statuses["slow body"]) == {408}
    # On a busy machine it may take too long to send.
    assert set(statuses["50 MB"]) <= {413, 408}
    right = malformed.http({"instances": [malformed.image_of(shape)]})
    status, body = asyncio.run(malformed.answer(strict.url, right))
    assert status == 200
    assert len(json.loads(body)["predictions"]) == 1
    assert strict.metric("keras_attention_workers_replaced_total") == 0


def test_a_client_that_sends_nothing_is_cut_off(strict):
    assert send(strict.url, b"") == b""


def test_a_connection_bears_one_request_after_another(strict, malformed):
    wrong = malformed.http(b"{").replace(b"\r\n\r\n", b"\r\n\r\n", 1)
    last = malformed.http(b"{", connection="close")
    answer = send(strict.url, wrong + wrong + last)
    assert answer.count(b"HTTP/1.1 400") == 3


def test_a_large_batch_is_refused(strict, serving_images):
    with (
        client.V1Client(strict.url) as v1,
        client.V2GrpcClient(strict.grpc) as grpc,
    ):
        assert len(v1.predict(serving_images[:3])["class"]) == 3
        for one in (v1, grpc):
            with pytest.raises(client.ServerError, match="1 to 3 examples"):
                one.predict(serving_images)


@pytest.fixture(scope="module")
def guarded(start_server):
    """A server that wants a token."""
    with start_server(
        "--workers", "1", KERAS_ATTENTION_TOKEN="secret"
    ) as running:
        yield running


def test_a_token_opens_all_protocols(guarded, serving_images):
    urls = {
        client.V1Client: guarded.url,
        client.V2Client: guarded.url,
        client.V2GrpcClient: guarded.grpc,
    }
    for kind, url in urls.items():
        with kind(url, token="secret") as one:
            assert one.is_ready()
            assert len(one.predict(serving_images)["class"]) == 5
        for token in (None, "secre", "secret2"):
            with (
                kind(url, token=token) as one,
                pytest.raises(client.ServerError, match="token is required"),
            ):
                one.predict(serving_images)


def test_the_token_stands_in_no_command_line(guarded):
    for process in (guarded.process.pid, *guarded.workers):
        command = pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
        assert b"secret" not in command
    for worker in guarded.workers:
        environment = pathlib.Path(f"/proc/{worker}/environ").read_bytes()
        assert b"secret" not in environment
