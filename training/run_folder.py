"""The folder of a run: its configuration, its log, its weights.

    config.json      what was asked for: recipe, seed, epochs, versions
    log.csv          one line for each epoch
    tensorboard/     the same for TensorBoard
    last.keras       state after the last finished epoch, to resume from
    best.weights.h5  weights of the best epoch on the validation set
    model.keras      the trained model (the best weights), once finished
    results.json     figures on the test set, once finished
    lock             keeps other processes out, until finished

Files are written whole or not at all.
"""

import contextlib
import csv
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None

import keras


class RunError(ValueError):
    """A run folder is not what it should be."""


class RunFolder:
    """Reads and writes the folder of a run.

    Args:
        path: The folder.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def __truediv__(self, name: str) -> Path:
        """The path of a file of the run."""
        return self.path / name

    @classmethod
    @contextlib.contextmanager
    def create(cls, path: str | Path, config: dict) -> Iterator["RunFolder"]:
        """Makes a new folder with its configuration, which is then `locked`.

        Raises:
            RunError: If something is there already, it cannot be written, or
                another process trains in it.
        """
        run = cls(path)
        if run.path.exists() and not run._is_empty():
            raise RunError(
                f"{run.path} exists already. Continue it with --resume, or "
                "choose another folder with --out."
            )
        with run.locked():
            run.write_json("config.json", config)
            yield run

    def _is_empty(self) -> bool:
        """But for what is left where a process was stopped as it began."""
        return self.path.is_dir() and all(
            path.name == "lock" or path.name.startswith("unfinished-")
            for path in self.path.iterdir()
        )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes out; ends with this one, even if killed.

        On Windows it does not.

        Raises:
            RunError: If another process trains here, or nothing can be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self / "lock").open("w")
        except OSError as error:
            raise RunError(f"Cannot write to {self.path}: {error}") from error
        with file:
            try:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(
                    f"Another process trains in {self.path}: wait until it "
                    "has ended, or choose another folder with --out."
                ) from None
            yield
            (self / "lock").unlink()

    def config(self) -> dict:
        """What the run was asked for.

        Raises:
            RunError: If the folder is not that of a run.
        """
        config = self._read_json("config.json")
        if not isinstance(config, dict) or "recipe" not in config:
            raise RunError(
                f"{self / 'config.json'} is not that of a run: it names no "
                "recipe."
            )
        return config

    def results(self) -> dict:
        """Figures of a finished run.

        Raises:
            RunError: If the run is not finished.
        """
        return self._read_json("results.json")

    def model(self) -> keras.Model:
        """The trained model.

        Raises:
            RunError: If the run is not finished, or the file is damaged.
        """
        return self._load("model.keras")

    def last(self) -> keras.Model:
        """The compiled model after the last finished epoch.

        Raises:
            RunError: If no epoch was finished, or the file is damaged.
        """
        return self._load("last.keras")

    def finished_epochs(self) -> list[dict]:
        """The lines of the log."""
        path = self / "log.csv"
        if not path.exists():
            return []
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    def write_epochs(self, rows: list[dict]) -> None:
        """Writes the log anew, with these lines."""

        def write(path: Path) -> None:
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, rows[0])
                writer.writeheader()
                writer.writerows(rows)

        self.write("log.csv", write)

    def write_json(self, name: str, value: dict) -> None:
        """Writes a JSON file."""
        text = json.dumps(value, indent=2) + "\n"
        self.write(name, lambda path: path.write_text(text))

    def write(self, name: str, write: Callable[[Path], None]) -> None:
        """Writes a file beside its place, then puts it there."""
        path = self / name
        unfinished = path.with_name(f"unfinished-{name}")
        try:
            write(unfinished)
            os.replace(unfinished, path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise

    def _read_json(self, name: str) -> dict:
        path = self / name
        try:
            return json.loads(path.read_text())
        except FileNotFoundError:
            raise RunError(
                f"{path} is missing: {self.path} is not the folder of a "
                f"{'finished ' if name != 'config.json' else ''}run."
            ) from None
        except (OSError, ValueError) as error:
            raise RunError(f"Cannot read {path}: {error}") from error

    def _load(self, name: str) -> keras.Model:
        path = self / name
        if not path.exists():
            raise RunError(
                f"{path} is missing: the run has not come that far. Continue "
                "it with `keras-attention train --resume`."
            )
        return load_model(path)


def load_model(path: str | Path) -> keras.Model:
    """Loads a .keras file, in safe mode: nothing that it holds is run.

    Raises:
        RunError: If it is missing, damaged, of a version that this one cannot
            read, or holds code, such as a `Lambda` layer.
    """
    try:
        return keras.models.load_model(path, safe_mode=True)
    except (
        *(OSError, ValueError, KeyError, TypeError, AttributeError),
        zipfile.BadZipFile,
    ) as error:
        raise RunError(
            f"{path} cannot be loaded: it is missing, damaged, was saved by "
            "another version of Keras or of this package, needs layers of "
            "yours that are not registered, or holds code. Keras says: "
            f"{error}"
        ) from error
