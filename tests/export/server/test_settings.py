"""What a server is told is checked before anything is started."""

import pytest

from keras_attention.export.server import Settings


def test_the_newest_version_is_served(serving_folder, tmp_path):
    assert Settings(serving_folder).file == serving_folder / "model.tflite"
    for version in (2, 10):
        (tmp_path / "saved_model" / str(version)).mkdir(parents=True)
    settings = Settings(tmp_path, format="saved_model")
    assert settings.version == 10
    assert settings.file == tmp_path / "saved_model" / "10"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "onnx"}, "`format` must be one of"),
        ({"name": "a/b"}, "`name` must be letters, digits"),
        ({"num_workers": 0}, "`num_workers` must be more than 0. Received: 0"),
        ({"timeout": float("nan")}, "`timeout` must be more than 0"),
        ({"port": 65536}, "`port` must be 0 to 65535. Received: 65536"),
        ({"grpc_port": -1}, "`grpc_port` must be 0 to 65535. Received: -1"),
        ({"token": ""}, "`token` must be printable ASCII"),
        ({"token": "two words"}, "`token` must be printable ASCII"),
    ],
)
def test_wrong_values_are_refused(serving_folder, changes, reason):
    with pytest.raises(ValueError, match=reason):
        Settings(serving_folder, **changes)


def test_a_folder_that_is_no_export_is_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no model.tflite"):
        Settings(tmp_path)
    with pytest.raises(ValueError, match="there is no saved_model/1"):
        Settings(tmp_path, format="saved_model")


def test_a_token_is_not_shown(serving_folder):
    assert "secret" not in repr(Settings(serving_folder, token="secret"))
    with pytest.raises(ValueError, match="token") as caught:
        Settings(serving_folder, token="sec ret")
    assert "sec ret" not in str(caught.value)


def test_it_is_exposed_beyond_loopback_without_a_token(serving_folder):
    def is_exposed(**changes):
        return Settings(serving_folder, **changes).is_exposed

    assert not is_exposed()
    assert not is_exposed(host="::1")
    assert is_exposed(host="0.0.0.0")
    assert is_exposed(host="127.example.com.")
    assert not is_exposed(host="0.0.0.0", token="secret")
