"""Writes ONNX files, for those who ask."""

from importlib.util import find_spec
from pathlib import Path

from .process import run_python
from .signatures import DEFAULT

OPSET = 17


def convert_to_onnx(directory: Path, file: Path) -> Path:
    """Converts the signature `serving_default` of a SavedModel.

    Args:
        directory: its folder.
        file: ONNX file to write.

    Returns:
        The file.

    Raises:
        ValueError: if the extra `onnx` is not installed, or the model cannot
            be converted.
    """
    missing = [
        name
        for name in ("tf2onnx", "onnx", "onnxruntime")
        if find_spec(name) is None
    ]
    if missing:
        raise ValueError(
            f"ONNX needs {', '.join(missing)}: pip install "
            "'keras-visual-attention[onnx]'."
        )
    done = run_python(
        *("-m", "tf2onnx.convert"),
        *("--saved-model", directory, "--signature_def", DEFAULT),
        *("--tag", "serve", "--opset", str(OPSET), "--output", file),
    )
    if done.returncode:
        raise ValueError(
            "`model` cannot be converted to ONNX. tf2onnx says: "
            f"{done.stderr.strip()[-1000:]}"
        )
    return file
