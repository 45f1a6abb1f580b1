"""What the gate lets in, and what it answers to the others."""

import asyncio
import json

import pytest

from keras_attention.export.server import gate
from keras_attention.export.server.gate import Gate


async def echo(scope, receive, send):
    """An application that answers with the body."""
    message = await receive()
    assert not message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


def ask(guarded, *parts, path="/v1", **headers):
    """Status, headers and body of the answer to a body sent in parts."""
    messages = [
        {"type": "http.request", "body": part, "more_body": i < len(parts)}
        for i, part in enumerate(parts, 1)
    ]
    sent = []

    async def receive():
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "path": path,
        "headers": [
            (name.replace("_", "-").encode(), value.encode())
            for name, value in headers.items()
        ],
    }
    asyncio.run(guarded(scope, receive, send))
    if not sent:
        return None
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]


def reason(answer):
    return json.loads(answer[2])["error"]


def test_a_body_arrives_whole():
    guarded = Gate(echo, 100, None)
    assert ask(guarded, b"one ", b"two")[::2] == (200, b"one two")
    assert ask(guarded, b"")[0] == 200


def test_a_body_that_is_too_large_is_refused():
    guarded = Gate(echo, 10, None)
    assert ask(guarded, b"0123456789")[0] == 200
    for answer in (
        ask(guarded, b"01234", b"56789", b"0"),
        ask(guarded, b"", content_length="11"),
        ask(guarded, content_length="11", expect="100-continue"),
    ):
        assert answer[0] == 413
        assert reason(answer) == "A body may have 10 bytes at most"
        assert answer[1][b"content-type"] == b"application/json"


def test_a_client_that_sends_for_ever_is_cut_off(monkeypatch):
    monkeypatch.setattr(gate, "MAX_DISCARDED", 20)
    parts = [b"0123456789"] * 1000
    assert ask(Gate(echo, 10, None), *parts)[0] == 413


def test_a_client_that_goes_away_gets_no_answer():
    assert ask(Gate(echo, 10, None)) is None


def test_packed_bodies_are_refused():
    answer = ask(Gate(echo, 10, None), b"x", content_encoding="gzip")
    assert answer[0] == 415
    assert "without a content encoding" in reason(answer)


def test_a_token_is_asked_for():
    guarded = Gate(echo, 10, "secret")
    for wrong in (
        {},
        {"authorization": "Bearer secre"},
        {"authorization": "Basic secret"},
        {"authorization": "Bearer secret "},
    ):
        answer = ask(guarded, b"x", **wrong)
        assert answer[0] == 401
        assert answer[1][b"www-authenticate"] == b"Bearer"
        assert reason(answer) == "A bearer token is required"
    assert ask(guarded, b"x", authorization="Bearer secret")[0] == 200


@pytest.mark.parametrize("path", ["/", "/v2/health/live", "/v2/health/ready"])
def test_health_is_told_without_a_token(path):
    assert ask(Gate(echo, 10, "secret"), b"", path=path)[0] == 200


@pytest.mark.parametrize("path", ["/", "/v2/health/live", "/v2/health/ready"])
def test_no_body_is_taken_where_no_token_is_asked_for(path):
    answer = ask(Gate(echo, 10, "secret"), b"x", path=path)
    assert answer[0] == 413
    assert reason(answer) == "A body may have 0 bytes at most"


def test_too_many_at_once_are_refused(monkeypatch):
    monkeypatch.setattr(gate, "MAX_AT_ONCE", 0)
    answer = ask(Gate(echo, 10, None), b"x")
    assert answer[0] == 503
    assert answer[1][b"retry-after"] == b"1"
