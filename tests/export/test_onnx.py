import onnx
import pytest

from keras_attention.export import onnx as exporting


def test_the_file_is_a_valid_one_with_the_names_of_the_signature(exported):
    model = onnx.load(str(exported / "model.onnx"))
    onnx.checker.check_model(model)
    outputs = {output.name for output in model.graph.output}
    assert outputs == {"probabilities", "class", "location", "location_mean"}


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"keras-visual-attention\[onnx\]"):
        exporting.convert_to_onnx(tmp_path, tmp_path / "model.onnx")


def test_what_cannot_be_converted_is_explained(tmp_path):
    with pytest.raises(ValueError, match="cannot be converted to ONNX"):
        exporting.convert_to_onnx(tmp_path, tmp_path / "model.onnx")
