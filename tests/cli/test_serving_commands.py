"""The command `serve`: what it refuses before it listens, and what it loads."""

import pathlib
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from keras_attention_cli import main, serving_commands

TOKEN = serving_commands.TOKEN


def refusal(*arguments, **environment):
    result = CliRunner().invoke(
        main, ["serve", *map(str, arguments)], env=environment
    )
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    return result.stderr


def test_it_explains_itself_and_says_where_it_listens():
    result = CliRunner().invoke(main, ["serve", "--help"])
    assert result.exit_code == 0
    assert "127.0.0.1" in result.output
    assert TOKEN in result.output


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("serve", "--port"),
        ("serve", "--grpc-port"),
        ("web", "--port"),
        ("demo", "--port"),
    ],
)
def test_a_port_that_is_none_is_refused(tmp_path, command, option):
    folder = [] if command == "demo" else [str(tmp_path)]
    result = CliRunner().invoke(main, [command, *folder, option, "99999"])
    assert result.exit_code == 2
    assert "0<=x<=65535" in result.stderr


def test_what_is_no_export_is_refused(tmp_path):
    assert "there is no model.tflite" in refusal(tmp_path)
    assert "there is no model.tflite" in refusal(tmp_path / "nothing")
    saved_model = refusal(tmp_path, "--format", "saved_model")
    assert "there is no saved_model/1" in saved_model


@pytest.fixture
def damaged(tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"TFL3" * 100)
    return tmp_path


def test_a_damaged_file_is_refused_in_words(damaged):
    script = pathlib.Path(sys.executable).with_name("keras-attention")
    done = subprocess.run(
        [script, "serve", damaged],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "The file is damaged, or not a TFLite" in done.stderr
    assert str(damaged / "model.tflite") in done.stderr
    assert "Traceback" not in done.stderr
    assert "Serving" not in done.stdout


def test_a_token_must_be_one(damaged, tmp_path):
    reason = "`token` must be printable ASCII without spaces, and not empty"
    assert reason in refusal(damaged, **{TOKEN: ""})
    file = tmp_path / "token"
    file.write_text("two words\n")
    assert reason in refusal(damaged, "--token-file", file)
    assert "No such file" in refusal(damaged, "--token-file", tmp_path / "no")


def test_a_token_file_goes_before_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv(TOKEN, "of the environment")
    (tmp_path / "token").write_text("secret\n")
    assert serving_commands._token(tmp_path / "token") == "secret"


def test_it_says_so_if_anyone_may_use_it(damaged, monkeypatch):
    monkeypatch.setattr("keras_attention.export.server.serve", lambda *_: None)
    runner = CliRunner()

    def warning(**environment):
        arguments = ["serve", str(damaged), "--host", "0.0.0.0"]
        return runner.invoke(main, arguments, env=environment).stderr

    assert "Whoever reaches 0.0.0.0 may use this server" in warning()
    assert warning(**{TOKEN: "secret"}) == ""


def test_modules_are_imported_without_running_their_packages():
    program = """
import sys
from keras_attention_cli.light import know_packages
know_packages()
from keras_attention.export.server import Settings
from keras_attention.export.server import run
print({"tensorflow", "keras", "kserve"} & set(sys.modules))
"""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"
    assert time.monotonic() - start < 10
