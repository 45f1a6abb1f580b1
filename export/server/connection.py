"""A connection whose client must send a request in time and in bounds.

uvicorn itself waits for ever for a client that sends a byte now and then, and
keeps headers of any size.
"""

from asyncio import Transport
from typing import ClassVar

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MAX_HEAD = 65536


def timed_protocol(seconds: float) -> type[HttpToolsProtocol]:
    """The protocol for `uvicorn.Config(http=...)`.

    Args:
        seconds: that a client may take to send a whole request.
    """
    return type("TimedProtocol", (_TimedProtocol,), {"seconds": seconds})


class _TimedProtocol(HttpToolsProtocol):
    seconds: ClassVar[float]

    def connection_made(self, transport: Transport) -> None:
        super().connection_made(transport)
        # Bytes of the head of a request; None where no head is under way.
        self._head_size: int | None = None
        self._timer = self.loop.call_later(self.seconds, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        goes_on = self._head_size is not None
        super().data_received(data)
        if goes_on and self._head_size is not None:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self._refuse(431, f"Headers may have {MAX_HEAD} bytes at most")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_size = 0
        self._timer.cancel()
        self._timer = self.loop.call_later(self.seconds, self._too_late)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._head_size = None

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._timer.cancel()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    def _too_late(self) -> None:
        in_body = self.cycle is not None and not self.cycle.response_started
        if self._head_size is None and not in_body:
            self.transport.close()  # nothing was asked, or it is answered
            return
        self._refuse(
            408, f"The request did not arrive within {self.seconds:g} s"
        )

    def _refuse(self, status: int, reason: str) -> None:
        content = orjson.dumps({"error": reason})
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: application/json\r\nconnection: close\r\n"
            + b"content-length: %d\r\n\r\n" % len(content)
            + content
        )
        self.transport.close()
