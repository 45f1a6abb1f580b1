import subprocess

import pytest

from keras_attention.training.commit import commit


def git(folder, *arguments):
    identity = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    done = subprocess.run(
        ("git", *identity, *arguments),
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "code.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    return tmp_path


def test_the_commit_of_a_file_is_that_of_its_working_tree(repository):
    expected = git(repository, "rev-parse", "HEAD")
    assert commit(repository / "code.py") == expected
    (repository / "code.py").write_text("2")
    assert commit(repository / "code.py") == f"{expected}-dirty"


def test_what_git_does_not_know_has_no_commit(repository, monkeypatch):
    installed = repository / "site-packages" / "code.py"
    installed.parent.mkdir()
    installed.write_text("1")
    assert commit(installed) is None
    monkeypatch.setenv("PATH", str(repository))  # where no git is
    assert commit(repository / "code.py") is None
