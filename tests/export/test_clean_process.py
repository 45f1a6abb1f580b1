import numpy as np
import pytest

from keras_attention.export import clean_process


def test_a_blocked_name_blocks_what_is_inside_it():
    blocker = clean_process.Blocker(["tensorflow"])
    with pytest.raises(ImportError, match="tensorflow.lite is blocked"):
        blocker.find_spec("tensorflow.lite", None)
    assert blocker.find_spec("tensorflow_text", None) is None


def test_a_run_writes_both_runs_and_the_latency(exported, images, tmp_path):
    requests, answers = tmp_path / "in.npz", tmp_path / "out.npz"
    asked = {"serving_default/image": images[:3], "nothing/image": images[:3]}
    np.savez(requests, **asked)
    clean_process.run(exported / "model.tflite", requests, answers)
    with np.load(answers) as arrays:
        together = arrays["serving_default/together/location"]
        assert together.shape == (3, 3, 2)
        singly = arrays["serving_default/singly/location"]
        np.testing.assert_allclose(singly, together, atol=1e-5)
        assert arrays["latency_ms"] > 0
        assert not [name for name in arrays if name.startswith("nothing")]
