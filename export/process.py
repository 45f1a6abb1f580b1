"""Runs Python in a process of its own, which may fail or end by itself."""

import os
import subprocess
import sys
from typing import Any


def run_python(*arguments: Any) -> subprocess.CompletedProcess:
    """Runs the interpreter, without the current folder in its path.

    Args:
        *arguments: of its command line.

    Returns:
        What became of it; what it wrote is text.
    """
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
    )
