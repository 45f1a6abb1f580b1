import numpy as np
import pytest

from keras_attention.export import clean_process


def test_a_blocked_name_blocks_what_is_inside_it():
    blocker = clean_process.Blocker(["tensorflow"])
    with pytest.raises(ImportError, match="tensorflow.lite is blocked"):
        blocker.find_spec("tensorflow.lite", None)
    assert blocker.find_spec("tensorflow_text", None) is None


def test_a_run_writes_both_runs_and_the_latency(exported, images, tmp_path):
    examples, outputs = tmp_path / "in.npy", tmp_path / "out.npz"
    np.save(examples, images[:3])
    clean_process.run(exported / "model.tflite", examples, outputs)
    with np.load(outputs) as arrays:
        assert arrays["together/location"].shape == (3, 3, 2)
        np.testing.assert_allclose(
            arrays["singly/location"], arrays["together/location"], atol=1e-5
        )
        assert arrays["latency_ms"] > 0
