"""The command itself, on two worker processes, some of which are killed."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow

NUM_IMAGES = 4000
COMMAND = [sys.executable, "-c", "from keras_attention_cli import main; main()"]


@pytest.fixture(scope="module")
def many(folder, tmp_path_factory):
    """A folder of many images, and one that is none."""
    many = tmp_path_factory.mktemp("many")
    for number in range(NUM_IMAGES - 1):
        name = f"{number % 15:02d}.png"
        shutil.copy(folder / name, many / f"{number:05d}-{name}")
    (many / "bad.png").touch()
    return many


def start(exported, many, out):
    arguments = ["predict", exported, many, "--beam", "--out", out, "--json"]
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_a_part(process, out):
    while not list(out.glob("unfinished/answers-*.jsonl")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)


def children(pid):
    """The processes below one, by Linux's list of them."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except FileNotFoundError:
            continue  # it has just ended
        if int(parent) == pid:
            child = int(stat.parent.name)
            found += [child, *children(child)]
    return found


def check_complete(exported, many, out):
    """Runs it again: there must be one line for each image then."""
    process = start(exported, many, out)
    printed, said = process.communicate()
    assert process.returncode == 0, said
    done = json.loads(printed)
    assert 0 < done["num_continued"] < NUM_IMAGES - 1
    names = [
        pathlib.Path(json.loads(line)["image"]).name
        for file in ("predictions.jsonl", "failures.jsonl")
        for line in (out / file).read_text().splitlines()
    ]
    assert names == sorted(path.name for path in many.iterdir())
    assert names[-1] == "bad.png"
    assert {path.name for path in out.iterdir()} == {
        "predictions.jsonl",
        "failures.jsonl",
    }


def test_a_run_on_two_workers_that_was_killed_goes_on(exported, many, tmp_path):
    out = tmp_path / "out"
    process = start(exported, many, out)
    wait_for_a_part(process, out)
    process.kill()
    process.communicate()
    assert [path.name for path in out.iterdir()] == ["unfinished"]
    check_complete(exported, many, out)


def test_the_death_of_a_worker_ends_the_run_which_can_go_on(
    exported, many, tmp_path
):
    out = tmp_path / "out"
    process = start(exported, many, out)
    wait_for_a_part(process, out)
    os.kill(children(process.pid)[1], signal.SIGKILL)  # the first is its shell
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert "What is done is kept" in said
    assert "exited with return code" in said
    check_complete(exported, many, out)
