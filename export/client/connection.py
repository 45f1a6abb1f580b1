"""An HTTP connection that stays open, on the standard library alone."""

import http.client
import json
import urllib.parse
from collections.abc import Mapping

from .calls import ServerError

JSON = {"Content-Type": "application/json"}


class Connection:
    """A connection to a server.

    Args:
        url: of the server, such as `http://127.0.0.1:8501`.
        token: bearer token, if the server wants one.
        timeout: seconds to wait for an answer.

    Raises:
        ValueError: if it is not such a URL.
    """

    def __init__(self, url: str, token: str | None, timeout: float):
        parts = urllib.parse.urlsplit(url)
        kinds = {
            "http": http.client.HTTPConnection,
            "https": http.client.HTTPSConnection,
        }
        if parts.scheme not in kinds or not parts.hostname:
            raise ValueError(
                f"`url` must be like http://host:port. Received: {url!r}"
            )
        self._prefix = parts.path.rstrip("/")
        self._http = kinds[parts.scheme](
            parts.hostname, parts.port, timeout=timeout
        )
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str) -> dict:
        """The JSON at a path.

        Raises:
            ServerError: if the server refuses.
        """
        body, _ = self.ask("GET", path)
        return json.loads(body)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = JSON,
    ) -> tuple[bytes, http.client.HTTPMessage]:
        """The body and the headers of an answer.

        Raises:
            ServerError: if the server refuses.
            OSError: if it cannot be reached.
        """
        arguments = (method, self._prefix + path, body)
        headers = {**headers, **self._headers}
        try:
            answer = self._answer(*arguments, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError):
            # The server closes connections that were idle for long.
            self.close()
            answer = self._answer(*arguments, headers)
        content = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise ServerError(answer.status, _reason(content))
        return content, answer.headers

    def _answer(
        self, method: str, path: str, body: bytes | None, headers: dict
    ) -> http.client.HTTPResponse:
        try:
            self._http.request(method, path, body, headers)
            return self._http.getresponse()
        except http.client.HTTPException as error:
            self.close()
            if isinstance(error, OSError):
                raise
            raise OSError(f"The server answers no HTTP: {error}") from error

    def close(self) -> None:
        """Closes the connection; the next request opens another."""
        self._http.close()


def _reason(content: bytes) -> str:
    try:
        return json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        return content.decode("utf-8", "replace")[:500]
