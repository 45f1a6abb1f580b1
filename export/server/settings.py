"""What a server is told: what it serves, where, and its limits."""

import dataclasses
import ipaddress
import re
from pathlib import Path

from ..predict import saved_model_versions

FORMATS = ("tflite", "saved_model")
MIB = 2**20


@dataclasses.dataclass(frozen=True)
class Settings:
    """How an exported folder is served.

    Attributes:
        folder: what `keras-attention export` wrote.
        format: which of its models: `"tflite"` or `"saved_model"`, of which
            the newest version is taken.
        name: what clients call the model.
        host: address to listen on.
        port: of the REST protocols; 0 takes a free one.
        grpc_port: of the gRPC protocol; 0 takes a free one.
        num_workers: processes that hold the model.
        max_body: bytes of a request's body.
        max_batch: examples of a request.
        timeout: seconds that a client may take to send a request, and a
            request to be answered.
        token: what clients must send as a bearer token, if anything.

    Raises:
        ValueError: if the folder is no export, or another value is not such.
    """

    folder: Path
    format: str = "tflite"
    name: str = "model"
    host: str = "127.0.0.1"
    port: int = 8501
    grpc_port: int = 8081
    num_workers: int = 2
    max_body: int = 16 * MIB
    max_batch: int = 128
    timeout: float = 30.0
    token: str | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Checks the values."""
        if self.format not in FORMATS:
            raise ValueError(
                f"`format` must be one of {FORMATS}. Received: {self.format!r}"
            )
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise ValueError(
                "`name` must be letters, digits, dots, dashes and underscores. "
                f"Received: {self.name!r}"
            )
        for field in ("num_workers", "max_body", "max_batch", "timeout"):
            if not getattr(self, field) > 0:
                raise ValueError(
                    f"`{field}` must be more than 0. Received: "
                    f"{getattr(self, field)}"
                )
        for field in ("port", "grpc_port"):
            if not 0 <= getattr(self, field) <= 65535:
                raise ValueError(
                    f"`{field}` must be 0 to 65535. Received: "
                    f"{getattr(self, field)}"
                )
        if self.token is not None and not re.fullmatch(r"[!-~]+", self.token):
            raise ValueError(
                "`token` must be printable ASCII without spaces, and not "
                "empty. Received: one that is not"
            )
        self.file.stat()

    @property
    def is_exposed(self) -> bool:
        """Whether other machines reach it and need no token."""
        try:
            local = ipaddress.ip_address(self.host).is_loopback
        except ValueError:  # a name
            local = self.host == "localhost"
        return self.token is None and not local

    @property
    def versions(self) -> list[int]:
        """The versions of the export."""
        return saved_model_versions(self.folder)

    @property
    def version(self) -> int:
        """The newest version, which is served."""
        return max(self.versions, default=1)

    @property
    def file(self) -> Path:
        """The TFLite file, or the folder of the SavedModel.

        Raises:
            ValueError: if the folder does not hold it.
        """
        file = self.folder / "model.tflite"
        if self.format == "saved_model":
            file = self.folder / "saved_model" / str(self.version)
        if not file.exists():
            raise ValueError(
                "`folder` must be one that `keras-attention export` wrote. "
                f"Received: {str(self.folder)!r}, in which there is no "
                f"{file.relative_to(self.folder)}"
            )
        return file
