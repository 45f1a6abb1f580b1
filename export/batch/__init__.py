"""Batches: any number of image files, by Apache Beam on one machine or many."""

try:
    import apache_beam  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "Apache Beam is not installed: pip install "
        "'keras-visual-attention[beam]'"
    ) from error

from .handler import SavedModelHandler
from .inputs import image_files
from .run import predict_images

__all__ = ["SavedModelHandler", "image_files", "predict_images"]
