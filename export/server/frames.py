"""How the front and its workers talk: pickles, each with its length before it.

Only these processes hold the ends of the socket, so that pickles are safe.
"""

import pickle
import struct
from typing import Any, BinaryIO

LENGTH = struct.Struct("!Q")


def packed(message: Any) -> bytes:
    """A message as it goes over the socket."""
    content = pickle.dumps(message, protocol=5)
    return LENGTH.pack(len(content)) + content


def read(stream: BinaryIO) -> Any:
    """The next message; None where the stream has ended.

    >>> import io
    >>> stream = io.BytesIO(packed(("ok", 7)))
    >>> read(stream), read(stream)
    (('ok', 7), None)
    """
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(head)
    content = stream.read(size)
    return pickle.loads(content) if len(content) == size else None
