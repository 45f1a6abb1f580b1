"""Training: data, recipes, run folders and pictures."""

from .attention_board import AttentionBoard
from .callbacks import EntropySchedule, StddevSchedule
from .canvases import Canvas, CanvasSet, fixed_set, training_dataset
from .diagnosis import Diagnosis, diagnose
from .diagnosis_page import write_diagnosis
from .digits import Digits, load_digits
from .evaluate import evaluate, evaluate_run, load_test_set, until_sure_curve
from .looking import Looked, look
from .run_folder import RunError, RunFolder
from .train import resume, train

__all__ = [
    "AttentionBoard",
    "Canvas",
    "CanvasSet",
    "Diagnosis",
    "Digits",
    "EntropySchedule",
    "Looked",
    "RunError",
    "RunFolder",
    "StddevSchedule",
    "diagnose",
    "evaluate",
    "evaluate_run",
    "fixed_set",
    "load_digits",
    "load_test_set",
    "look",
    "resume",
    "train",
    "training_dataset",
    "until_sure_curve",
    "write_diagnosis",
]
