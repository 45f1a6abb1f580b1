from keras_attention.export.batch.filesystem import (
    literal,
    matching,
    write_whole,
)


def test_only_files_of_the_folder_match_whatever_its_name(tmp_path):
    for name in ("a[1]", "a?1?", "ax1x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.json").touch()
        found = matching(str(tmp_path / name), "*.json")
        assert found == [str(tmp_path / name / "one.json")]
    assert matching(str(tmp_path / "nothing"), "*") == []


def test_what_means_something_in_a_pattern_becomes_any_character():
    assert literal("a[1]/b*?.png") == "a?1]/b??.png"


def test_a_file_is_not_there_before_all_of_it_is_written(tmp_path):
    path = tmp_path / "file"

    def lines():
        yield "one"
        assert not path.exists()
        yield "two"

    write_whole(str(path), lines())
    assert path.read_text() == "one\ntwo\n"
