"""A process that holds the model and answers some requests after others.

Run by its path, so that neither this package nor TensorFlow is imported:

    python -P worker.py FD PATH FORMAT MAX_BATCH

FD is the number of an open socket, PATH the TFLite file or the folder of the
SavedModel, FORMAT `tflite` or `saved_model`. It says first what the model is,
or why there is none, and ends when the other end of the socket is closed.
"""

import contextlib
import gc
import os
import socket
import sys
import types
from collections.abc import Iterator
from pathlib import Path


def main(descriptor: str, path: str, kind: str, max_batch: str) -> None:
    """Loads the model and answers until the other end is closed."""
    from keras_attention.export.server import answers, frames, signatures

    with (
        contextlib.suppress(ConnectionError),  # the front has ended
        socket.socket(fileno=int(descriptor)) as end,
        end.makefile("rb") as requests,
    ):
        try:
            with _silent():
                loaded = signatures.load_signatures(Path(path), kind)
        except ValueError as error:
            end.sendall(frames.packed(("damaged", str(error))))
            return
        about = {k: (s.inputs, s.outputs) for k, s in loaded.items()}
        end.sendall(frames.packed(("ready", about)))
        answer = answers.Answerer(loaded, int(max_batch))
        # A body of JSON becomes thousands of lists, none in a cycle: looking
        # for cycles among them would take longer than to read them.
        gc.freeze()
        gc.set_threshold(100_000)
        while (several := frames.read(requests)) is not None:
            end.sendall(frames.packed(answer(several)))


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Hides what the runtimes write to the file of the standard error."""
    stderr = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def _know_packages() -> None:
    """Makes the packages above known without running them.

    Their __init__ files import TensorFlow, of which a TFLite file has no need.
    """
    folder = Path(__file__).parent
    paths = {
        "keras_attention": [],
        "keras_attention.export": [str(folder.parent)],
        "keras_attention.export.server": [str(folder)],
    }
    for name, path in paths.items():
        package = types.ModuleType(name)
        package.__path__ = path
        sys.modules[name] = package


if __name__ == "__main__":
    _know_packages()
    main(*sys.argv[1:])
