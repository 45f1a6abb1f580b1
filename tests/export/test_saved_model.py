import numpy as np
import pytest
import tensorflow as tf

from keras_attention.export import export_saved_model, verify


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported / "saved_model" / "1"))


@pytest.fixture
def signature(loaded):
    return loaded.signatures["serving_default"]


def test_the_signature_has_the_documented_names_and_shapes(signature):
    image = signature.structured_input_signature[1]["image"]
    assert image.shape.as_list() == [None, 28, 28, 1]
    assert image.dtype == tf.float32
    outputs = {
        name: (spec.shape.as_list(), spec.dtype)
        for name, spec in signature.structured_outputs.items()
    }
    assert outputs == {
        "probabilities": ([None, 10], tf.float32),
        "class": ([None], tf.int32),
        "location": ([None, 3, 2], tf.float32),
        "location_mean": ([None, 3, 2], tf.float32),
    }


def test_there_is_one_signature(loaded):
    assert list(loaded.signatures) == ["serving_default"]


@pytest.mark.parametrize("batch", [0, 1, 3, 200])
def test_the_batch_is_free(signature, images, batch):
    outputs = signature(image=tf.constant(images[:batch]))
    assert outputs["location"].shape == (batch, 3, 2)


def test_it_runs_where_what_it_came_from_cannot_be_imported(
    exported, model, images
):
    saved_model = exported / "saved_model" / "1"
    blocked = ("tensorflow_probability", "tf_keras", "keras_attention")
    runs, _ = verify.run_in_clean_process(saved_model, images[:8], blocked)
    expected = verify.keras_outputs(model, images[:8])
    for outputs in runs:
        for name, value in expected.items():
            np.testing.assert_allclose(outputs[name], value, atol=1e-5)


def test_nothing_is_printed(classifier, tmp_path, capfd):
    export_saved_model(classifier, tmp_path / "model")
    assert capfd.readouterr().out == ""


def test_a_folder_that_exists_is_left_alone(classifier, tmp_path):
    with pytest.raises(FileExistsError, match="must not exist yet"):
        export_saved_model(classifier, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_failed_export_leaves_no_folder(classifier, tmp_path, monkeypatch):
    def full(module, directory, signatures):
        (tmp_path / "model").mkdir()
        raise OSError("No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(OSError, match="No space left"):
        export_saved_model(classifier, tmp_path / "model")
    assert not list(tmp_path.iterdir())
