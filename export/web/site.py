"""The folder of the browser demo: page, model, examples, runtime."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .runtime import RUNTIME_FILES, install_runtime
from .samples import Samples, ink_size, stroke_width

# Written last; tells a folder of ours from others; lists what is ours in it.
MANIFEST = "site.json"
KIND = "keras_attention site"
MODEL, CARD = "model_web.tflite", "model_card.json"
_PAGE = Path(__file__).with_name("page")
# The page makes pictures smaller that are taller than that.
_TALLEST = 2048


def make_site(
    exported: str | Path,
    out: str | Path,
    *,
    samples: Samples | None = None,
    cache: str | Path | None = None,
) -> Path:
    """Makes a page of an exported model, for any web server.

    Args:
        exported: folder that `export_model` wrote.
        out: folder to write: new, empty, or a page that is made anew, to
            which nothing was added.
        samples: what there is to try; without it one can only draw and drop.
        cache: of `install_runtime`.

    Returns:
        `out`; its index.html is the page.

    Raises:
        ValueError: if `exported` is no export with a file for browsers, the
            samples do not fit it, or `out` holds other files.
        RuntimeError: if LiteRT.js cannot be installed.
        OSError: if `out` cannot be written.
    """
    exported, out = Path(exported), Path(out).resolve()
    _check_out(out)
    card = read_card(exported)
    if samples is not None:
        _check_samples(samples, card)
    runtime = install_runtime(cache)
    with _staging(out) as folder:
        shutil.copytree(_PAGE, folder, dirs_exist_ok=True)
        for name in (MODEL, CARD):
            shutil.copy(exported / name, folder)
        for name in RUNTIME_FILES:
            target = folder / "runtime" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(runtime / name, target)
        told = _write_samples(samples, folder, card)
        files = [p.relative_to(folder).as_posix() for p in _files(folder)]
        manifest = {"kind": KIND, **told, "files": [*sorted(files), MANIFEST]}
        (folder / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    return out


def _check_out(out: Path) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    manifest = _manifest(out)
    if manifest is None:
        raise ValueError(
            "`out` holds something else than a page of this package, and is "
            "left alone: choose a new or empty folder. Received: "
            f"out={str(out)!r}"
        )
    ours = {out / name for name in manifest.get("files", ())}
    foreign = [str(file.relative_to(out)) for file in _files(out) - ours]
    if foreign:
        raise ValueError(
            "`out` is a page to which files were added, which making it anew "
            "would delete: move them elsewhere, or choose a new or empty "
            f"folder. Received: out={str(out)!r} with {sorted(foreign)[:5]}"
        )


def _files(folder: Path) -> set[Path]:
    """All that is no folder, links to folders too."""
    return {
        path
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def _manifest(out: Path) -> dict[str, Any] | None:
    """That of a page of ours, or None."""
    try:
        manifest = json.loads((out / MANIFEST).read_text("utf-8"))
        return manifest if manifest["kind"] == KIND else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_card(exported: str | Path) -> dict[str, Any]:
    """The model card of an export that a page can be made of.

    Raises:
        ValueError: if a file is missing, the card is damaged, or images are
            of no fixed size or have neither one channel nor three.
    """
    exported = Path(exported)
    missing = [n for n in (MODEL, CARD) if not (exported / n).is_file()]
    if missing:
        raise ValueError(
            "`exported` must be an export folder with a file for browsers: "
            'export the model with `--formats web`, or `formats=["web"]`. '
            f"Received: exported={str(exported)!r}, without {missing}"
        )
    try:
        card = json.loads((exported / CARD).read_text("utf-8"))
        shape = tuple(card["input"]["shape"][1:])
        card["labels"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"The model card is damaged. Received: {str(exported / CARD)!r}; "
            f"{error}"
        ) from error
    if None in shape or shape[-1] not in (1, 3):
        raise ValueError(
            "The page draws images of one size, with one or three channels. "
            f"Received: a model of images (height, width, channels) {shape}"
        )
    return card


def _check_samples(samples: Samples, card: dict[str, Any]) -> None:
    shape = tuple(card["input"]["shape"][1:])
    if samples.images.shape[1:] != shape:
        raise ValueError(
            "The images of `samples` must be of the model's shape. Received: "
            f"images.shape={samples.images.shape}, and the model takes {shape}"
        )
    unnamed = set(map(int, samples.labels)) - set(range(len(card["labels"])))
    if unnamed:
        raise ValueError(
            "The labels of `samples` must be classes of the model, 0 to "
            f"{len(card['labels']) - 1}. Received: {min(unnamed)}"
        )


@contextlib.contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """An empty folder beside `out`, which takes its place in the end."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".keras-attention-web-", dir=out.parent
    ) as temporary:
        # The outer folder is for its owner only; what is moved out is not.
        folder, before = Path(temporary, "site"), Path(temporary, "before")
        folder.mkdir()
        yield folder
        if out.exists():
            os.rename(out, before)
        try:
            os.rename(folder, out)
        except OSError:
            if before.exists():
                os.rename(before, out)
            raise


def _write_samples(
    samples: Samples | None, folder: Path, card: dict[str, Any]
) -> dict[str, Any]:
    """Writes images; returns what the page is told about them."""
    if samples is None:
        return {"examples": [], "digits": None}
    (folder / "examples").mkdir()
    examples = []
    for i, image in enumerate(samples.images):
        file = f"examples/{i}.png"
        _write_png(image, folder / file)
        label = card["labels"][int(samples.labels[i])]
        examples.append({"file": file, "label": label})
    digits = samples.digits[: _TALLEST // samples.digits.shape[1]]
    count, height, width = digits.shape
    strip = digits.reshape(count * height, width, 1)
    _write_png(strip, folder / "digits.png")
    return {
        "examples": examples,
        "digits": {
            "file": "digits.png",
            "count": count,
            "height": height,
            "width": width,
            "ink_size": ink_size(digits),
            "stroke_width": stroke_width(digits),
            "piece_size": samples.piece_size,
            "num_pieces": samples.num_pieces,
        },
    }


def _write_png(image: np.ndarray, file: Path) -> None:
    """Writes uint8 (h, w, C), C one or three."""
    from PIL import Image

    pixels = image[..., 0] if image.shape[-1] == 1 else image
    Image.fromarray(np.ascontiguousarray(pixels)).save(file)
