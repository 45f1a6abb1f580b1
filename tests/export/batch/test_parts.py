import json

import pytest

from keras_attention.export.batch.parts import Parts


def line(image, **values):
    return json.dumps({"image": image, **values})


def started(folder, model="m"):
    parts = Parts(str(folder))
    parts.take_over(model)
    return parts


def test_what_was_written_is_read_by_the_path_of_the_image(tmp_path):
    parts = started(tmp_path / "parts")
    parts.write("answers", [line("a", label=1), line("b", label=2)])
    parts.write("answers", [line("c", label=3)])
    parts.write("failures", [line("d", reason="no image")])
    answers = parts.read("answers")
    assert set(answers) == {"a", "b", "c"}
    assert json.loads(answers["b"]) == {"image": "b", "label": 2}
    assert set(parts.read("failures")) == {"d"}


def test_what_is_in_two_parts_is_read_once(tmp_path):
    parts = started(tmp_path)
    for _ in range(2):
        parts.write("answers", [line("a", label=1)])
    assert parts.read("answers") == {"a": line("a", label=1)}


def test_a_part_that_was_not_finished_is_not_read(tmp_path):
    parts = started(tmp_path)
    (tmp_path / "answers-1.jsonl.incomplete").write_text('{"image": "a')
    assert parts.read("answers") == {}


def test_the_model_of_an_earlier_run_is_known(tmp_path):
    assert Parts(str(tmp_path / "parts")).model() is None
    started(tmp_path / "parts", "resnet")
    assert Parts(str(tmp_path / "parts")).model() == "resnet"


def test_the_workers_of_an_earlier_run_cannot_go_on_writing(tmp_path):
    earlier = started(tmp_path)
    earlier.write("answers", [line("a")])
    later = started(tmp_path)
    with pytest.raises(RuntimeError, match="another one writes to the same"):
        earlier.write("answers", [line("b")])
    later.write("answers", [line("c")])
    assert set(later.read("answers")) == {"a", "c"}


def test_nothing_is_left_of_a_folder_that_is_removed(tmp_path):
    parts = started(tmp_path / "parts")
    parts.write_list(["a", "b"])
    parts.write("answers", [line("a")])
    parts.remove()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError, match="This run is over"):
        parts.write("answers", [line("b")])
