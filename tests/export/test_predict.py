import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_attention.export import (
    export_tflite,
    load_exported,
    load_exported_saved_model,
    references,
)


@pytest.fixture(scope="module")
def loaded(exported):
    return {
        "folder": load_exported(exported),
        "tflite": load_exported(exported / "model.tflite"),
        "saved_model": load_exported(exported / "saved_model" / "1"),
        "onnx": load_exported(exported / "model.onnx"),
    }


KINDS = ("folder", "tflite", "saved_model", "onnx")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_path_agrees_with_keras(loaded, model, images, kind):
    outputs = loaded[kind].predict(images)
    for name, expected in references.keras_outputs(model, images).items():
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
    # What `keras-attention export` prints.
    assert load_exported(out / "saved_model").path.name == "10"
    assert load_exported_saved_model(out).path.name == "10"
    assert load_exported(out).labels is not None


def test_the_saved_model_can_be_taken_where_there_is_a_tflite_file(exported):
    loaded = load_exported_saved_model(exported)
    assert loaded.format == "saved_model"
    assert loaded.labels == [str(digit) for digit in range(10)]
    alone = load_exported_saved_model(exported / "saved_model" / "1")
    assert alone.path == loaded.path


def test_a_folder_without_a_saved_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no SavedModel"):
        load_exported_saved_model(tmp_path)
    with pytest.raises(FileNotFoundError, match="no exported model.*nowhere"):
        load_exported_saved_model(tmp_path / "nowhere")


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


@pytest.mark.parametrize("kind", ["tflite", "saved_model"])
def test_the_same_seed_samples_the_same_places(loaded, images, kind):
    file = loaded[kind]
    first, again = (file.sample(images[:5], seed=3) for _ in range(2))
    np.testing.assert_array_equal(first["location"], again["location"])
    other = file.sample(images[:5], seed=4)
    assert np.all(np.any(first["location"] != other["location"], axis=(1, 2)))
    # The standard deviation of the places is 0.15.
    moved = first["location"][:, 0] - first["location_mean"][:, 0]
    assert 0.05 < np.abs(moved).mean() < 0.4


def test_explaining_says_what_predicting_does_and_where(loaded, images):
    found = loaded["tflite"].explain(images[:4])
    expected = loaded["tflite"].predict(images[:4])
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5)
    np.testing.assert_allclose(
        found["step_probabilities"][:, -1], found["probabilities"], atol=1e-6
    )
    assert found["squares"].shape == (4, 3, 2, 4)


def test_what_a_file_cannot_be_asked_is_named(loaded, images):
    with pytest.raises(ValueError, match="has no signature 'explain', only se"):
        loaded["onnx"].explain(images[:1])
    with pytest.raises(ValueError, match="has no signature 'sample'"):
        loaded["onnx"].sample(images[:1])


def test_a_fixed_batch_answers_any_number(classifier, examples, tmp_path):
    spec = tf.TensorSpec((2, 6, 6, 1), "uint8")
    file = export_tflite(classifier, tmp_path / "model.tflite", image_spec=spec)
    three = np.concatenate([examples, examples[:1]])
    found = load_exported(file).predict(three)
    pixels = np.round(three * 255) / np.float32(255)
    expected = references.keras_outputs(classifier, pixels.astype("float32"))
    np.testing.assert_allclose(
        found["probabilities"], expected["probabilities"], atol=1e-6
    )
    assert load_exported(file).predict(three[:0])["class"].shape == (0,)


def test_a_damaged_onnx_file_is_named(tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"hello")
    with pytest.raises(ValueError, match="is damaged, or not an ONNX"):
        load_exported(file)
