import contextlib
import socket
import urllib.error
import urllib.request

import pytest

from keras_attention.export.web import serve_site


@pytest.fixture
def folder(tmp_path):
    site = tmp_path / "site"
    (site / "runtime").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    for name in ("index.html", "main.js", "style.css", "icon.svg", "a.png"):
        (site / name).write_text(name)
    (site / "runtime" / "litert.wasm").write_bytes(b"\0asm")
    (site / "model_web.tflite").write_bytes(b"model")
    (site / "site.json").write_text("{}")
    return site


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", "text/html; charset=utf-8"),
        ("main.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("site.json", "application/json"),
        ("runtime/litert.wasm", "application/wasm"),
        ("model_web.tflite", "application/octet-stream"),
        ("icon.svg", "image/svg+xml"),
        ("a.png", "image/png"),
    ],
)
def test_each_file_has_the_type_that_browsers_insist_on(folder, path, kind):
    with (
        serve_site(folder) as address,
        urllib.request.urlopen(address + path) as answer,
    ):
        assert answer.headers["Content-Type"] == kind
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.read() == (folder / (path or "index.html")).read_bytes()


def test_nothing_beside_the_folder_is_served(folder):
    with serve_site(folder) as address:
        host = address.removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((host[0], int(host[1]))) as connection:
            connection.sendall(b"GET /../secret.txt HTTP/1.0\r\n\r\n")
            assert b" 404 " in connection.recv(100)


def test_only_this_machine_is_served_and_the_port_is_free_afterwards(folder):
    with serve_site(folder) as address:
        assert address.startswith("http://127.0.0.1:")
        port = int(address.rstrip("/").rpartition(":")[2])
    with serve_site(folder, port) as again:
        assert again == address
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address)


def test_a_port_in_use_is_named(folder):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(OSError, match=f"Port {port} cannot be used"),
            serve_site(folder, port),
        ):
            pass
