"""Export: SavedModel, TFLite, checks of both, and predictions from them."""

from .answers import answers
from .clean_run import ExportError
from .float32 import in_float32
from .folder import export_model
from .images import read_image
from .predict import ExportedModel, load_exported, load_exported_saved_model
from .saved_model import export_saved_model
from .tflite import export_tflite
from .verify import verify_export

__all__ = [
    "ExportError",
    "ExportedModel",
    "answers",
    "export_model",
    "export_saved_model",
    "export_tflite",
    "in_float32",
    "load_exported",
    "load_exported_saved_model",
    "read_image",
    "verify_export",
]
