"""The paths of V2 that name a version, which KServe does not implement."""

import re
from collections.abc import Awaitable, Callable

from starlette.responses import JSONResponse

PATH = re.compile(r"(/v2/models/[^/]+)/versions/([^/]+)(/ready|/infer|)")

App = Callable[[dict, Callable, Callable], Awaitable[None]]


class V2Versions:
    """ASGI middleware that takes the version out of a path.

    Args:
        app: what is behind it.
        version: the one that is served; others are not found.
    """

    def __init__(self, app: App, version: int):
        self._app = app
        self._version = str(version)

    async def __call__(
        self, scope: dict, receive: Callable, send: Callable
    ) -> None:
        """Passes a request on, or answers that there is no such version."""
        app, found = self._app, PATH.fullmatch(scope.get("path", ""))
        if found and found[2] == self._version:
            scope = {**scope, "path": found[1] + found[3]}
        elif found:
            app = JSONResponse(
                {"error": f"There is no version {found[2]}"}, 404
            )
        await app(scope, receive, send)
