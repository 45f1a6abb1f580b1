"""The parts of an unfinished output: each is written whole or not at all."""

import json
import uuid
from collections.abc import Iterable

from apache_beam.io.filesystems import FileSystems

from .filesystem import matching, write_whole

# After a run was killed each worker reads at most so many images again.
PART_SIZE = 256


class Parts:
    """A folder of parts, to which one run at a time may write.

    Workers may outlive a run that was killed, and a runner may repeat what
    failed: so what is in several parts is taken once, and a worker of an
    earlier run stops at its next part.
    """

    def __init__(self, folder: str):
        """Names a folder, which need not exist.

        Args:
            folder: of the parts.
        """
        self.folder = folder
        run = uuid.uuid4().hex
        self._owner = FileSystems.join(folder, f"run-{run}.json")
        self._list = FileSystems.join(folder, f"list-{run}.jsonl")

    def model(self) -> str | None:
        """What `take_over` was told of the model; None before there was."""
        for owner in self._owners():
            with FileSystems.open(owner) as file:
                return json.loads(file.read())["model"]
        return None

    def take_over(self, model: str) -> None:
        """Makes the folder, or keeps others from writing to it any more.

        Args:
            model: what tells this model from others.
        """
        earlier = self._owners()
        write_whole(self._owner, [json.dumps({"model": model})])
        if earlier:
            FileSystems.delete(earlier)

    def write_list(self, files: Iterable[str]) -> str:
        """Writes the paths that are to be read, as JSON; returns the file."""
        write_whole(self._list, map(json.dumps, files))
        return self._list

    def write(self, kind: str, lines: list[str]) -> None:
        """Writes one part.

        Args:
            kind: begins its name.
            lines: JSON objects that hold the path of an `image`.

        Raises:
            RuntimeError: if the run is over, or another took over.
        """
        if not FileSystems.exists(self._owner):
            raise RuntimeError(
                "This run is over, or another one writes to the same folder: "
                f"{self._owner} is gone."
            )
        name = f"{kind}-{uuid.uuid4().hex}.jsonl"
        write_whole(FileSystems.join(self.folder, name), lines)

    def read(self, kind: str) -> dict[str, str]:
        """All lines of a kind of parts, by the path of the image."""
        lines = {}
        for part in matching(self.folder, f"{kind}-*.jsonl"):
            with FileSystems.open(part) as file:
                for line in file.read().decode().splitlines():
                    lines[json.loads(line)["image"]] = line
        return lines

    def remove(self) -> None:
        """Removes the folder; first what lets others write to it."""
        FileSystems.delete(self._owners())
        FileSystems.delete(matching(self.folder, "**"))
        if FileSystems.exists(self.folder):  # not all file systems have folders
            FileSystems.delete([self.folder])

    def _owners(self) -> list[str]:
        return matching(self.folder, "run-*.json")
