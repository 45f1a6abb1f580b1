"""What the README says is what happens."""

import dataclasses
import re
from pathlib import Path

from keras_attention import training

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def few_digits(source, load=training.load_digits):
    """As many as the examples name: what they show takes no more."""
    return {
        part: dataclasses.replace(
            digits, images=digits.images[:500], labels=digits.labels[:500]
        )
        for part, digits in load(source).items()
    }


def test_the_examples_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "load_digits", few_digits)
    names = {}
    for example in blocks("python"):
        exec(example, names)
    assert (tmp_path / "exported" / "saved_model" / "1").is_dir()
    # The class of one digit, from TFLite by us, SavedModel and LiteRT.
    answers = re.findall(r"\[(\d)\]", capsys.readouterr().out)
    assert len(set(answers)) == 1
    assert len(answers) == 3


def test_ci_runs_the_two_commands():
    demo, tests = blocks("sh")
    assert demo.rstrip().endswith("keras-attention demo")
    assert tests.rstrip().endswith("-m pytest")
    script = (ROOT / ".ci" / "run").read_text()
    assert "demo=$(readme_command 1)" in script
    assert "tests=$(readme_command 2)" in script


def test_every_link_to_a_file_leads_to_one():
    targets = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target
