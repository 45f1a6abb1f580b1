import pathlib

import pytest

from keras_attention.export.batch import image_files


def names(*images):
    return [pathlib.Path(file).name for file in image_files(images)]


GOOD = [f"{number:02d}.png" for number in range(15)]
BELOW = [f"{number}.png" for number in range(15, 20)]
BAD = ["damaged.png", "empty.png", "text.png"]


def test_a_folder_means_all_its_images_in_order(folder):
    assert names(folder) == [*GOOD, *BAD[:2], *BELOW, *BAD[2:]]
    assert names(folder / "more") == BELOW


def test_files_and_patterns_stay_in_the_order_they_were_given(folder):
    found = names(folder / "03.png", f"{folder}/0[12].png", folder / "00.png")
    assert found == ["03.png", "01.png", "02.png", "00.png"]


def test_two_stars_look_into_subfolders(folder):
    assert names(f"{folder}/1*.png") == GOOD[10:]
    assert names(f"{folder}/**/1*.png") == BELOW


def test_a_list_is_taken_line_by_line_whether_its_files_exist(tmp_path):
    file = tmp_path / "list.txt"
    file.write_text("b.png\n\na.png\r\nb.png\nmissing/ü\x0b.jpg\n", "utf-8")
    assert image_files([f"@{file}"]) == [
        "b.png",
        "a.png",
        "b.png",
        "missing/ü\x0b.jpg",
    ]


def test_brackets_in_a_name_that_exists_are_no_pattern(tmp_path):
    below = tmp_path / "a[1]"
    below.mkdir()
    (below / "b*.PNG").touch()
    (below / "c.jpeg").touch()
    assert names(below) == ["b*.PNG", "c.jpeg"]
    assert names(below / "b*.PNG") == ["b*.PNG"]


def test_what_names_no_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no such file.*'.*scans'"):
        image_files([tmp_path / "scans"])
    with pytest.raises(ValueError, match=r"no file matches.*\*\.png"):
        image_files([f"{tmp_path}/*.png"])


def test_no_image_at_all_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no image to read.*Received: images="):
        image_files([tmp_path])
    (tmp_path / "list.txt").touch()
    with pytest.raises(ValueError, match="no image to read"):
        image_files([f"@{tmp_path}/list.txt"])


def test_a_list_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ValueError, match="list of images cannot.*no.txt"):
        image_files([f"@{tmp_path}/no.txt"])
    (tmp_path / "list.txt").write_bytes(b"\xff.png")
    with pytest.raises(ValueError, match="list of images cannot.*utf-8"):
        image_files([f"@{tmp_path}/list.txt"])
