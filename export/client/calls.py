"""What all clients can be asked."""

import abc
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


class ServerError(RuntimeError):
    """The server refused a request; the text is its reason.

    Attributes:
        status: HTTP status, or the name of the gRPC status.
    """

    def __init__(self, status: int | str, reason: str):
        super().__init__(f"{status}: {reason}")
        self.status = status


class Client(abc.ABC):
    """One model on one server, over one connection.

    Not to be used by two threads at once.
    """

    @abc.abstractmethod
    def is_ready(self) -> bool:
        """Whether the model answers."""

    @abc.abstractmethod
    def metadata(self) -> dict[str, Any]:
        """What the model takes and gives, as the protocol says it."""

    @abc.abstractmethod
    def call(self, signature: str, **inputs: Any) -> Arrays:
        """Calls a signature of the model.

        Args:
            signature: its name.
            inputs: arrays by name, the batch first; lists of bytes where it
                takes files.

        Returns:
            Arrays by name.

        Raises:
            ServerError: if the server refuses.
            OSError: if it cannot be reached.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Closes the connection."""

    @functools.cached_property
    def takes_uint8(self) -> bool:
        """Whether the model was exported for images of 0-255."""
        return "UINT8" in str(self.metadata())

    def predict(self, images: np.ndarray) -> Arrays:
        """Classifies images.

        Args:
            images: (B, H, W, C), floating in [0, 1], or uint8, which stands
                for 0-255.

        Returns:
            `probabilities` (B, K), `class` (B,), and what the model attended
            to, such as `location` (B, T, 2).

        Raises:
            ServerError: as `call`.
            OSError: as `call`.
            ValueError: if the images cannot be made what the model takes.
        """
        images = np.asarray(images)
        if images.dtype == np.uint8 and not self.takes_uint8:
            images = images.astype(np.float32) / np.float32(255)
        elif images.dtype != np.uint8 and self.takes_uint8:
            images = _as_uint8(images)
        elif images.dtype == np.float64:
            images = images.astype(np.float32)
        return self.call("serving_default", image=images)

    def predict_files(self, files: Sequence[bytes]) -> Arrays:
        """Classifies the contents of PNG or JPEG files, see `predict`."""
        return self.call("serve_bytes", image_bytes=list(files))

    def __enter__(self) -> "Client":
        """The client itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Closes the connection."""
        self.close()


def _as_uint8(images: np.ndarray) -> np.ndarray:
    if not ((images >= 0) & (images <= 1)).all():
        raise ValueError(
            "`images` must be in [0, 1] and not NaN where they are floating; "
            "uint8 stands for 0-255. Received: values from "
            f"{images.min()} to {images.max()}"
        )
    return np.round(images * 255).astype(np.uint8)
