"""LiteRT.js, which runs TFLite files in a browser; npm installs it once.

It is nine megabytes of WebAssembly and not part of this package. The lock
file beside this one pins its version and the hashes of what npm may install.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

# What pages load of it. Browsers without relaxed SIMD take the second build.
RUNTIME_FILES = (
    "@litertjs/core/dist/index.js",
    "@litertjs/core/wasm/litert_wasm_internal.js",
    "@litertjs/core/wasm/litert_wasm_internal.wasm",
    "@litertjs/core/wasm/litert_wasm_compat_internal.js",
    "@litertjs/core/wasm/litert_wasm_compat_internal.wasm",
    "@litertjs/wasm-utils/dist/index.js",
)
_NPM_FILES = ("package.json", "package-lock.json")
_HERE = Path(__file__).parent


def install_runtime(cache: str | Path | None = None) -> Path:
    """Installs LiteRT.js, unless it is there already.

    Args:
        cache: folder to keep it in; by default the user's folder for caches.

    Returns:
        The folder that holds `RUNTIME_FILES`.

    Raises:
        RuntimeError: if npm is missing, or cannot install it.
        OSError: if the folder cannot be written.
    """
    cache = Path(cache) if cache else user_cache()
    # A new version has a new lock file, hence a folder of its own.
    lock = (_HERE / "package-lock.json").read_bytes()
    folder = cache / f"litert-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not folder.is_dir():
        with _workspace(cache) as workspace:
            _npm_ci(workspace)
            _put(workspace / "node_modules", folder)
    return folder


def user_cache() -> Path:
    """The folder of this package among the user's caches."""
    if sys.platform == "win32":
        parent = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        parent = "~/Library/Caches"
    else:
        parent = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(parent).expanduser() / "keras-attention"


@contextlib.contextmanager
def _workspace(cache: Path) -> Iterator[Path]:
    """A folder beside where the files will be, with npm's files in it."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".npm-", dir=cache) as folder:
        for name in _NPM_FILES:
            shutil.copy(_HERE / name, folder)
        yield Path(folder)


def _npm_ci(workspace: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError(
            "The browser demo needs npm, once: it installs LiteRT.js, which "
            "runs the model in the browser. Install Node.js, which brings "
            "npm, and try again."
        )
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=workspace,
        capture_output=True,
        text=True,
        check=False,
    )
    missing = [
        name
        for name in RUNTIME_FILES
        if not (workspace / "node_modules" / name).is_file()
    ]
    if done.returncode or missing:
        raise RuntimeError(
            "npm could not install LiteRT.js, which runs the model in the "
            "browser: is there a network? npm ended with exit code "
            f"{done.returncode}, missing are {missing}; it says: "
            f"{done.stderr.strip()[-1000:]}"
        )


def _put(source: Path, folder: Path) -> None:
    """Moves what is complete into its place, unless another was faster."""
    try:
        os.rename(source, folder)
    except OSError:
        if not folder.is_dir():
            raise
