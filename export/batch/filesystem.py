"""What the parts need of Apache Beam's file systems, local and remote."""

import re
from collections.abc import Iterable

from apache_beam.io.filesystems import FileSystems

INCOMPLETE = ".incomplete"


def literal(path: str) -> str:
    """A pattern that the path matches; Beam has no way to quote `*`, `?`, `[`.

    Other paths may match where it holds one of them.
    """
    return re.sub(r"[*?[]", "?", path)


def matching(folder: str, pattern: str) -> list[str]:
    """Paths of the files in a folder that match a pattern, in order."""
    (found,) = FileSystems.match([FileSystems.join(literal(folder), pattern)])
    paths = (metadata.path for metadata in found.metadata_list)
    return sorted(path for path in paths if path.startswith(folder))


def write_whole(path: str, lines: Iterable[str]) -> None:
    """Writes lines beside their place, then puts them there."""
    incomplete = path + INCOMPLETE
    with FileSystems.create(incomplete) as file:
        for line in lines:
            file.write(line.encode() + b"\n")
    FileSystems.rename([incomplete], [path])
