"""Training: data, recipes, run folders and pictures."""

from .attention_board import AttentionBoard
from .callbacks import EntropySchedule, StddevSchedule
from .canvas_sets import CanvasSet, fixed_set, training_dataset
from .canvases import Canvas
from .diagnosis import Diagnosis, diagnose
from .diagnosis_page import write_diagnosis
from .digits import Digits, load_digits
from .evaluate import evaluate, evaluate_run, load_test_set, until_sure_curve
from .exported_looks import looked_of
from .looking import Looked, look
from .pairs import PairCanvas
from .preset_files import compare_preset, write_preset
from .rows import RowCanvas
from .run_folder import RunError, RunFolder
from .sums import SumCanvas
from .train import resume, train
from .trained import Trained, load_trained
from .warps import BentCanvas, StretchedCanvas, TurnedCanvas

__all__ = [
    "AttentionBoard",
    "BentCanvas",
    "Canvas",
    "CanvasSet",
    "Diagnosis",
    "Digits",
    "EntropySchedule",
    "Looked",
    "PairCanvas",
    "RowCanvas",
    "RunError",
    "RunFolder",
    "StddevSchedule",
    "StretchedCanvas",
    "SumCanvas",
    "Trained",
    "TurnedCanvas",
    "compare_preset",
    "diagnose",
    "evaluate",
    "evaluate_run",
    "fixed_set",
    "load_digits",
    "load_test_set",
    "load_trained",
    "look",
    "looked_of",
    "resume",
    "train",
    "training_dataset",
    "until_sure_curve",
    "write_diagnosis",
    "write_preset",
]
