"""Which state of the source code a run was made with."""

import subprocess
from pathlib import Path


def commit(file: str | Path = __file__) -> str | None:
    """The commit of a file of source code.

    Args:
        file: The file.

    Returns:
        The commit's hash, with `-dirty` where files of its working tree are
        not as committed; None where git does not know the file: that of an
        installed package, say.
    """
    file = Path(file).resolve()
    if _git(file, "ls-files", file.name) is None:
        return None
    return _git(
        file, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"
    )


def _git(file: Path, *arguments: str) -> str | None:
    """What git says of the folder of a file, or None."""
    try:
        done = subprocess.run(
            ("git", *arguments),
            cwd=file.parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:  # there is no git
        return None
    return done.stdout.strip() or None
