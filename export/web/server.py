"""A small web server for this machine only."""

import contextlib
import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = "127.0.0.1"


class _Handler(SimpleHTTPRequestHandler):
    # Named here, because the registry of the machine may say otherwise and
    # browsers insist on the types of modules and WebAssembly.
    extensions_map = {  # noqa: RUF012 (so in the class above)
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".wasm": "application/wasm",
        ".png": "image/png",
        ".svg": "image/svg+xml",
        "": "application/octet-stream",
    }

    def end_headers(self) -> None:
        """Adds that a file made anew is to be asked for anew."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Prints nothing: browsers ask for dozens of files."""


@contextlib.contextmanager
def serve_site(folder: str | Path, port: int = 0) -> Iterator[str]:
    """Serves the files of a folder to browsers of this machine.

    Args:
        folder: what `make_site` wrote.
        port: of the address; 0 takes one that is free.

    Yields:
        The address.

    Raises:
        OSError: if the port is taken.
    """
    handler = functools.partial(_Handler, directory=str(folder))
    try:
        server = ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        raise OSError(
            f"Port {port} cannot be used: {error}. Choose another one, or 0 "
            "for one that is free."
        ) from error
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
