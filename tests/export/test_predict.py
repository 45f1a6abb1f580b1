import shutil
import subprocess
import sys

import numpy as np
import pytest

from keras_attention.export import load_exported, verify


@pytest.fixture(scope="module")
def loaded(exported):
    return {
        "folder": load_exported(exported),
        "tflite": load_exported(exported / "model.tflite"),
        "saved_model": load_exported(exported / "saved_model" / "1"),
    }


KINDS = ("folder", "tflite", "saved_model")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_path_agrees_with_keras(loaded, model, images, kind):
    outputs = loaded[kind].predict(images)
    for name, expected in verify.keras_outputs(model, images).items():
        np.testing.assert_allclose(outputs[name], expected, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_input_shape_is_known(loaded, kind):
    assert loaded[kind].input_shape == (28, 28, 1)


def test_an_export_folder_brings_labels_and_its_tflite_file(loaded):
    assert loaded["folder"].format == "tflite"
    assert loaded["folder"].labels == [str(digit) for digit in range(10)]
    assert loaded["tflite"].labels is None


def test_without_a_tflite_file_the_newest_saved_model_is_taken(
    exported, tmp_path
):
    out = tmp_path / "out"
    shutil.copytree(exported, out)
    (out / "model.tflite").unlink()
    for version in ("2", "10"):
        shutil.copytree(
            out / "saved_model" / "1", out / "saved_model" / version
        )
    assert load_exported(out).path.name == "10"
    assert load_exported(out).labels is not None


@pytest.mark.parametrize("kind", KINDS)
def test_uint8_means_0_to_255(loaded, images, kind):
    pixels = np.round(images[:4] * 255).astype("uint8")
    found = loaded[kind].predict(pixels)
    expected = loaded[kind].predict(pixels / np.float32(255))
    np.testing.assert_array_equal(
        found["probabilities"], expected["probabilities"]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_batch_gives_empty_arrays(loaded, images, kind):
    outputs = loaded[kind].predict(images[:0])
    shapes = {name: value.shape for name, value in outputs.items()}
    assert shapes == {
        "probabilities": (0, 10),
        "class": (0,),
        "location": (0, 3, 2),
        "location_mean": (0, 3, 2),
    }
    assert loaded[kind].predict(images[:2])["class"].shape == (2,)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1, 255.0])
def test_nan_and_values_out_of_range_are_refused(loaded, images, value):
    wrong = images[:3].copy()
    wrong[1, 2, 3, 0] = value
    with pytest.raises(ValueError, match=r"in \[0, 1\].*Received: image 1"):
        loaded["tflite"].predict(wrong)


@pytest.mark.parametrize(
    "shape", [(28, 28, 1), (1, 28, 28), (1, 28, 27, 1), (1, 28, 28, 3)]
)
def test_a_wrong_shape_is_refused(loaded, shape):
    with pytest.raises(ValueError, match=r"\(batch, 28, 28, 1\)\. Received"):
        loaded["tflite"].predict(np.zeros(shape, "float32"))


@pytest.mark.parametrize("dtype", ["int64", "bool", "complex64"])
def test_a_wrong_dtype_is_refused(loaded, dtype):
    with pytest.raises(ValueError, match=f"Received: images.dtype={dtype}"):
        loaded["tflite"].predict(np.zeros((1, 28, 28, 1), dtype))


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no exported model.*nowhere"):
        load_exported(tmp_path / "nowhere")


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(ValueError, match="neither model.tflite nor a Saved"):
        load_exported(tmp_path)


def test_a_damaged_tflite_file_is_named(exported, tmp_path):
    content = (exported / "model.tflite").read_bytes()
    file = tmp_path / "model.tflite"
    blanked = content[:500] + bytes(200) + content[700:]
    for damaged in (b"", b"hello", content[: len(content) // 2], blanked):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match="is damaged, or not a TFLite"):
            load_exported(file)


@pytest.mark.parametrize("part", ["saved_model.pb", "variables"])
def test_a_damaged_saved_model_is_named(exported, tmp_path, part):
    folder = tmp_path / "1"
    shutil.copytree(exported / "saved_model" / "1", folder)
    if part == "variables":
        shutil.rmtree(folder / part)
    else:
        (folder / part).write_bytes(b"hello")
    with pytest.raises(ValueError, match="is damaged, or not a SavedModel"):
        load_exported(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_a_damaged_card_is_named(exported, tmp_path, text):
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(exported / "model.tflite", out)
    (out / "model_card.json").write_text(text)
    with pytest.raises(ValueError, match="The model card is damaged"):
        load_exported(out)


def test_importing_export_loads_nothing_heavy():
    code = (
        "import sys, keras_attention; before = set(sys.modules);"
        "import keras_attention.export;"
        "new = {m.split('.')[0] for m in set(sys.modules) - before};"
        "print(new & {'ai_edge_litert', 'PIL', 'matplotlib', 'sklearn',"
        "'tensorflow_probability', 'tensorflow_datasets', 'tf_keras'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
