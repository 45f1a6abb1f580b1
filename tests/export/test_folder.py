import json
import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention.export import (
    ExportError,
    comparison,
    export_model,
    kinds,
    verify,
)


def test_the_layout_is_the_documented_one(exported):
    assert {path.name for path in exported.iterdir()} == {
        "saved_model",
        "model.tflite",
        "model_float16.tflite",
        "model_dynamic_range.tflite",
        "model_int8.tflite",
        "model_web.tflite",
        "model.onnx",
        "model_card.json",
    }
    assert (exported / "saved_model" / "1" / "saved_model.pb").is_file()


def test_others_may_read_what_is_written(exported):
    assert exported.stat().st_mode & 0o777 == 0o777 & ~_umask()


def _umask():
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_nothing_is_left_beside_the_folder(exported):
    assert [path.name for path in exported.parent.iterdir()] == ["digits"]


def test_exporting_again_adds_a_version_and_replaces_the_rest(
    classifier, examples, tmp_path, unchecked
):
    out = tmp_path / "out"
    export_model(classifier, out, examples=examples, metadata={"run": 1})
    old = (out / "model.tflite").read_bytes()
    classifier.set_weights([w + 1 for w in classifier.get_weights()])
    (out / "model_int8.tflite").write_bytes(b"of the first export")
    card = export_model(classifier, out, examples=examples, metadata={"run": 2})
    versions = {path.name for path in (out / "saved_model").iterdir()}
    assert versions == {"1", "2"}
    assert (out / "model.tflite").read_bytes() != old
    assert json.loads((out / "model_card.json").read_text()) == card
    assert card["metadata"] == {"run": 2}
    assert "saved_model/2" in card["files"]
    assert len(list(out.iterdir())) == 3


def test_an_empty_folder_is_filled(classifier, examples, tmp_path, unchecked):
    export_model(classifier, tmp_path, examples=examples)
    assert (tmp_path / "saved_model" / "1").is_dir()


def test_missing_parents_are_made(classifier, examples, tmp_path, unchecked):
    export_model(classifier, tmp_path / "a" / "b", examples=examples)
    assert (tmp_path / "a" / "b" / "model.tflite").is_file()


def test_a_failed_check_leaves_no_folder(
    classifier, examples, tmp_path, monkeypatch
):
    monkeypatch.setattr(comparison, "TOLERANCE", -1.0)
    with pytest.raises(ExportError, match="in 2 of 2 examples"):
        export_model(classifier, tmp_path / "a" / "out", examples=examples)
    assert not list(tmp_path.iterdir())


def test_a_model_whose_answer_is_nan_is_not_exported(
    classifier, examples, tmp_path
):
    classifier.set_weights([w * np.nan for w in classifier.get_weights()])
    with pytest.raises(ExportError, match="differs from the Keras model"):
        export_model(classifier, tmp_path / "out", examples=examples)
    assert not list(tmp_path.iterdir())


def test_files_for_bytes_are_measured_on_bytes(classifier, examples, tmp_path):
    classes = classifier.predict(examples, verbose=0).argmax(axis=-1)
    card = export_model(
        classifier,
        tmp_path / "out",
        examples=(examples, classes),
        image_spec=tf.TensorSpec((None, 6, 6, 1), "uint8"),
    )
    assert card["input"]["dtype"] == "uint8"
    assert card["parity"]["examples"] == 2
    assert card["tflite"]["model.tflite"]["accuracy"] == 1


def test_a_failed_check_leaves_an_earlier_export_as_it_was(
    exported, classifier, examples, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    shutil.copytree(exported, out)
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}

    def fail(*_):
        raise ExportError("not the same")

    monkeypatch.setattr(verify, "verify_export", fail)
    with pytest.raises(ExportError):
        export_model(classifier, out, examples=examples)
    after = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    assert after == before


def test_an_interrupted_export_leaves_no_folder(
    classifier, examples, tmp_path, monkeypatch
):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(verify, "verify_export", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_model(classifier, tmp_path / "out", examples=examples)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["thesis.txt", "model.tflite", "model_card.json"]
)
def test_a_folder_of_other_files_is_left_alone(
    classifier, examples, tmp_path, name
):
    (tmp_path / name).write_text("{}")
    with pytest.raises(ValueError, match="holds files that are not an export"):
        export_model(classifier, tmp_path, examples=examples)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "{}"


def test_a_saved_model_folder_with_other_files_is_left_alone(
    exported, classifier, examples, tmp_path
):
    out = tmp_path / "out"
    shutil.copytree(exported, out)
    (out / "saved_model" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="not an export of this package"):
        export_model(classifier, out, examples=examples)


def test_a_file_in_the_way_is_left_alone(classifier, examples, tmp_path):
    file = tmp_path / "out"
    file.write_text("mine")
    with pytest.raises(ValueError, match="must be a folder, and this is a fil"):
        export_model(classifier, file, examples=examples)
    assert file.read_text() == "mine"


def test_what_cannot_be_written_is_named(classifier, examples, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="cannot be written to .*file/out"):
        export_model(classifier, tmp_path / "file" / "out", examples=examples)


def test_what_cannot_be_moved_in_is_named(
    classifier, examples, tmp_path, monkeypatch, unchecked
):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "rename", denied)
    with pytest.raises(OSError, match=r"could not be moved to .*out.*denied"):
        export_model(classifier, tmp_path / "out", examples=examples)
    assert not list(tmp_path.iterdir())


def test_classes_that_do_not_fit_the_images_are_refused(
    classifier, examples, tmp_path
):
    with pytest.raises(ValueError, match=r"one class for each.*shape=\(3,\)"):
        export_model(
            classifier, tmp_path / "out", examples=(examples, [0, 1, 2])
        )


def test_a_model_that_tells_several_digits_is_refused(examples, tmp_path):
    images = keras.Input(examples.shape[1:])
    scores = keras.layers.Dense(30)(keras.layers.Flatten()(images))
    model = keras.Model(images, keras.layers.Reshape((3, 10))(scores))
    classes = np.zeros((len(examples), 3), "int32")
    with pytest.raises(ValueError, match=r"must return scores .*, 3, 10\)"):
        export_model(model, tmp_path / "out", examples=(examples, classes))
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_is_refused(classifier, examples, tmp_path):
    with pytest.raises(ValueError, match=r"`formats` must be some of float16"):
        export_model(
            classifier, tmp_path / "out", examples=examples, formats=["int4"]
        )


def test_a_model_that_looks_nowhere_has_no_page(classifier, examples, tmp_path):
    with pytest.raises(ValueError, match="cannot be shown in a browser"):
        export_model(
            classifier, tmp_path / "out", examples=examples, formats=["web"]
        )
    assert not list(tmp_path.iterdir())


def test_a_file_that_loses_accuracy_is_not_kept(
    classifier, examples, tmp_path, unchecked, monkeypatch
):
    found = {"latency_ms": 1.0, "accuracy": 0.0}
    monkeypatch.setattr(kinds, "measured", lambda *_: found)
    classes = classifier(examples).numpy().argmax(axis=-1)
    with pytest.raises(ExportError, match=r"loses 100.00 points of accuracy"):
        export_model(classifier, tmp_path / "out", examples=(examples, classes))
    assert not list(tmp_path.iterdir())
    export_model(
        classifier,
        tmp_path / "out",
        examples=(examples, classes),
        max_accuracy_drop=100,
    )
