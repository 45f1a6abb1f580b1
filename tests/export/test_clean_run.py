import numpy as np
import pytest

from keras_attention.export import ExportError, clean_run
from keras_attention.export.references import keras_outputs


def test_a_file_that_does_not_run_is_found_out(tmp_path, images):
    with pytest.raises(ExportError, match="does not run in a process without"):
        clean_run.run_in_clean_process(
            tmp_path / "nothing.tflite",
            {"serving_default": {"image": images[:1]}},
        )


def test_a_blocked_module_cannot_be_imported(exported, images):
    with pytest.raises(ExportError, match="tensorflow is blocked"):
        clean_run.run_in_clean_process(
            exported / "saved_model" / "1",
            {"serving_default": {"image": images[:1]}},
            ("tensorflow",),
        )


@pytest.mark.parametrize("file", ["saved_model/1", "model.tflite"])
def test_files_run_where_what_they_came_from_cannot_be_imported(
    exported, model, images, file
):
    blocked = clean_run.blocked_for(exported / file)
    assert {"keras_attention", "tf_keras"} <= set(blocked)
    assert ("tensorflow" in blocked) is file.endswith(".tflite")
    answers = clean_run.run_in_clean_process(
        exported / file, {"serving_default": {"image": images[:8]}}
    )
    expected = keras_outputs(model, images[:8])
    for outputs in answers.signatures["serving_default"]:
        for name, value in expected.items():
            np.testing.assert_allclose(outputs[name], value, atol=1e-5)
