import os

import pytest

from keras_attention.training import RunError, RunFolder


def test_a_file_that_was_not_finished_leaves_the_one_before(tmp_path):
    run = RunFolder(tmp_path)
    run.write_json("results.json", {"accuracy": 1})

    def stopped(path):
        path.write_text("half of")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.write("results.json", stopped)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
    assert run.results() == {"accuracy": 1}


def test_what_was_stopped_as_it_began_begins_anew(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stop)
        with (
            pytest.raises(KeyboardInterrupt),
            RunFolder.create(tmp_path / "run", {}),
        ):
            pass
    (tmp_path / "run" / "unfinished-config.json").write_text("{")  # killed
    with RunFolder.create(tmp_path / "run", {"recipe": "tiny"}) as run:
        assert run.config() == {"recipe": "tiny"}


@pytest.mark.parametrize("name", ["config.json", "mine.txt"])
def test_what_holds_anything_else_does_not(tmp_path, name):
    (tmp_path / name).write_text("{}")
    with (
        pytest.raises(RunError, match="exists already"),
        RunFolder.create(tmp_path, {}),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [name]
