"""Training: data, recipes, run folders and pictures."""

from .canvases import Canvas, CanvasSet, fixed_set, training_dataset
from .digits import Digits, load_digits
from .evaluate import evaluate
from .run_folder import RunError, RunFolder
from .train import FIXED_SET_SEED, resume, train

__all__ = [
    "FIXED_SET_SEED",
    "Canvas",
    "CanvasSet",
    "Digits",
    "RunError",
    "RunFolder",
    "evaluate",
    "fixed_set",
    "load_digits",
    "resume",
    "train",
    "training_dataset",
]
