import json
import pathlib

import pytest

from keras_attention.export.batch.output import Output


def line(image, **values):
    return json.dumps({"image": image, **values})


def started(folder):
    output = Output(str(folder))
    output.take_over("m")
    return output


def lines_of(file):
    text = pathlib.Path(file).read_text("utf-8")
    return [json.loads(one) for one in text.splitlines()]


def test_each_file_has_a_line_in_the_order_of_the_files(tmp_path):
    output = started(tmp_path / "out")
    output.parts.write("answers", [line("c"), line("a")])
    output.parts.write("failures", [line("d"), line("b")])
    assert output.finish(["a", "b", "c", "d", "a"]) == (3, 2)
    assert [one["image"] for one in lines_of(output.predictions)] == [
        "a",
        "c",
        "a",
    ]
    assert [one["image"] for one in lines_of(output.failures)] == ["b", "d"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "failures.jsonl",
        "predictions.jsonl",
    ]


def test_an_image_that_was_answered_later_did_not_fail(tmp_path):
    output = started(tmp_path)
    output.parts.write("failures", [line("a", reason="locked")])
    output.parts.write("answers", [line("a", label="1")])
    assert output.finish(["a"]) == (1, 0)


def test_a_lost_image_is_noticed_and_nothing_is_put_in_place(tmp_path):
    output = started(tmp_path)
    output.parts.write("answers", [line("a")])
    with pytest.raises(RuntimeError, match="2 of 3 images.*, b for one"):
        output.finish(["a", "b", "c"])
    assert [path.name for path in tmp_path.iterdir()] == ["unfinished"]
    assert Output(str(tmp_path)).take_over("m") == {"a"}


def test_an_unfinished_run_goes_on_with_what_is_answered(tmp_path):
    first = started(tmp_path)
    first.parts.write("answers", [line("a"), line("b")])
    first.parts.write("failures", [line("c")])
    assert Output(str(tmp_path)).take_over("m") == {"a", "b"}


@pytest.mark.parametrize("moved", ["failures.jsonl", "predictions.jsonl"])
def test_a_run_that_was_killed_at_its_very_end_is_finished(tmp_path, moved):
    first = started(tmp_path)
    first.parts.write("answers", [line("a")])
    (tmp_path / moved).write_text("")
    (tmp_path / "predictions.jsonl.incomplete").write_text('{"im')
    second = Output(str(tmp_path))
    assert second.take_over("m") == {"a"}
    assert second.finish(["a"]) == (1, 0)
    assert lines_of(second.predictions) == [{"image": "a"}]


def test_an_unfinished_run_of_another_model_is_refused(tmp_path):
    started(tmp_path)
    with pytest.raises(ValueError, match="unfinished run of another model"):
        Output(str(tmp_path)).take_over("another")
    assert Output(str(tmp_path)).take_over("m") == set()


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "mine.txt").touch()
    with pytest.raises(ValueError, match=r"new or empty.*mine\.txt"):
        Output(str(tmp_path)).take_over("m")
    assert not (tmp_path / "unfinished").exists()


def test_a_complete_answer_is_not_replaced(tmp_path):
    output = started(tmp_path)
    output.parts.write("answers", [line("a")])
    output.finish(["a"])
    with pytest.raises(ValueError, match=r"predictions\.jsonl"):
        Output(str(tmp_path)).take_over("m")
