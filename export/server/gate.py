"""What a request must pass before KServe sees it: token, size, numbers."""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable

import orjson
from prometheus_client import Counter, Gauge

# More at once are refused: each may hold a body in memory.
MAX_AT_ONCE = 256
# A body that is too large is read on, as many clients read no answer before
# they have sent all, but not for ever.
MAX_DISCARDED = 2**28
# What tells that the server lives needs no token: Kubernetes sends none.
OPEN_PATHS = ("/", "/v2/health/live", "/v2/health/ready")

RESPONSES = Counter(
    "keras_attention_http_responses", "HTTP responses by status", ["status"]
)
OPEN = Gauge(
    "keras_attention_http_requests_open", "HTTP requests not yet answered"
)

App = Callable[[dict, Callable, Callable], Awaitable[None]]
Headers = dict[bytes, bytes]


class _RefusedError(Exception):
    def __init__(self, status: int, reason: str, **headers: str):
        super().__init__(reason)
        self.status = status
        self.headers = headers


class _DisconnectedError(Exception):
    pass


class Gate:
    """ASGI middleware that reads the whole body, or refuses the request.

    Args:
        app: what is behind the gate.
        max_body: bytes of a body.
        token: what clients must send as a bearer token, if anything.
    """

    def __init__(self, app: App, max_body: int, token: str | None):
        self._app = app
        self._max_body = max_body
        self._token = token
        self._num_inside = 0

    async def __call__(
        self, scope: dict, receive: Callable, send: Callable
    ) -> None:
        """Passes a request on, or answers it with an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _counted(send)
        self._num_inside += 1
        OPEN.inc()
        try:
            self._check_head(scope["path"], dict(scope["headers"]))
            body = await self._body(scope, receive)
            await self._app(scope, _again(body, receive), send)
        except _RefusedError as refusal:
            await _refuse(send, refusal)
        except _DisconnectedError:
            return  # nobody is left to be answered
        finally:
            self._num_inside -= 1
            OPEN.dec()

    def _check_head(self, path: str, headers: Headers) -> None:
        if path in OPEN_PATHS:
            return
        sent = headers.get(b"authorization", b"")
        if self._token is not None and not is_token(self._token, sent):
            raise _RefusedError(
                401, "A bearer token is required", www_authenticate="Bearer"
            )
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise _RefusedError(
                415, "Bodies must be sent without a content encoding"
            )
        if self._num_inside > MAX_AT_ONCE:
            raise _RefusedError(
                503, "Too many requests at once; try later", retry_after="1"
            )

    async def _body(self, scope: dict, receive: Callable) -> bytes:
        headers = dict(scope["headers"])
        # Nobody fills the memory where no token is asked for.
        limit = 0 if scope["path"] in OPEN_PATHS else self._max_body
        too_large = _RefusedError(413, f"A body may have {limit} bytes at most")
        fits = int(headers.get(b"content-length", 0)) <= limit
        if not fits and b"expect" in headers:  # it has not been sent yet
            raise too_large
        parts, size = [], 0
        async for part in _parts(receive):
            size += len(part)
            fits = fits and size <= limit
            if fits:
                parts.append(part)
            elif size > MAX_DISCARDED:
                break
        if not fits:
            raise too_large
        return b"".join(parts)


async def _parts(receive: Callable) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _DisconnectedError
        yield message.get("body", b"")
        more = message.get("more_body", False)


def is_token(token: str, authorization: bytes) -> bool:
    """Whether a header holds the token, in a time that does not tell.

    >>> is_token("secret", b"Bearer secret"), is_token("secret", b"secret")
    (True, False)
    """
    return hmac.compare_digest(authorization, b"Bearer " + token.encode())


def _counted(send: Callable) -> Callable:
    async def counting(message: dict) -> None:
        if message["type"] == "http.response.start":
            RESPONSES.labels(message["status"]).inc()
        await send(message)

    return counting


def _again(body: bytes, receive: Callable) -> Callable:
    """A `receive` that gives the body at once, then what comes after it."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def once() -> dict:
        return messages.pop() if messages else await receive()

    return once


async def _refuse(send: Callable, refusal: _RefusedError) -> None:
    content = orjson.dumps({"error": str(refusal)})
    headers = {
        "content-type": "application/json",
        "content-length": str(len(content)),
        **refusal.headers,
    }
    await send(
        {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": [
                (name.replace("_", "-").encode(), value.encode())
                for name, value in headers.items()
            ],
        }
    )
    await send({"type": "http.response.body", "body": content})
