import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keras_attention.export.web import install_runtime, runtime

HERE = Path(runtime.__file__).parent


def test_it_is_installed_once(tmp_path, monkeypatch):
    calls = []

    def run(command, cwd, **options):
        calls.append(command)
        for name in runtime.RUNTIME_FILES:
            file = Path(cwd, "node_modules", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(subprocess, "run", run)
    folder = install_runtime(tmp_path / "cache")
    assert install_runtime(tmp_path / "cache") == folder
    assert [command[:3] for command in calls] == [
        ["/bin/npm", "ci", "--ignore-scripts"]
    ]
    for name in runtime.RUNTIME_FILES:
        assert (folder / name).read_text() == name
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_another_lock_file_is_another_installation(cache, monkeypatch):
    folder = install_runtime(cache)
    lock = (HERE / "package-lock.json").read_bytes()
    monkeypatch.setattr(Path, "read_bytes", lambda path: lock + b"\n")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="needs npm"):
        install_runtime(cache)
    assert folder.is_dir()


def test_a_missing_npm_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match=r"needs npm.*Install Node\.js"):
        install_runtime(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [0, 1])
def test_what_npm_says_is_passed_on(tmp_path, monkeypatch, code):
    def run(command, **options):
        return subprocess.CompletedProcess(command, code, "", "no such host")

    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(RuntimeError, match=f"exit code {code}.*no such host"):
        install_runtime(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_lock_file_pins_hashes_and_names_no_host():
    text = (HERE / "package-lock.json").read_text("utf-8")
    packages = json.loads(text)["packages"]
    installed = {name: one for name, one in packages.items() if name}
    assert set(installed) == {
        "node_modules/@litertjs/core",
        "node_modules/@litertjs/wasm-utils",
    }
    for one in installed.values():
        assert one["version"] == "2.5.3"
        assert one["integrity"].startswith("sha512-")
    assert "://" not in text


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "/caches/keras-attention"),
        ("linux", None, "/home/me/.cache/keras-attention"),
        ("darwin", None, "/home/me/Library/Caches/keras-attention"),
        ("win32", "LOCALAPPDATA", "/caches/keras-attention"),
        ("win32", None, "/home/me/AppData/Local/keras-attention"),
    ],
)
def test_the_cache_is_where_the_system_keeps_them(
    platform, variable, expected, monkeypatch
):
    monkeypatch.setenv("HOME", "/home/me")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "/caches")
    monkeypatch.setattr(sys, "platform", platform)
    assert runtime.user_cache() == Path(expected)
