"""Training: data, recipes, run folders and pictures."""

from .callbacks import StddevSchedule
from .canvases import Canvas, CanvasSet, fixed_set, training_dataset
from .digits import Digits, load_digits
from .evaluate import evaluate, evaluate_run, load_test_set
from .run_folder import RunError, RunFolder
from .train import resume, train

__all__ = [
    "Canvas",
    "CanvasSet",
    "Digits",
    "RunError",
    "RunFolder",
    "StddevSchedule",
    "evaluate",
    "evaluate_run",
    "fixed_set",
    "load_digits",
    "load_test_set",
    "resume",
    "train",
    "training_dataset",
]
