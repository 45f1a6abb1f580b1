import json
import os

import numpy as np
import pytest
from PIL import Image

from keras_attention.export.web import Samples, make_site, site


@pytest.fixture
def samples(digits):
    images = np.arange(2 * 6 * 8, dtype="uint8").reshape(2, 6, 8, 1)
    return Samples(images, [1, 0], digits, piece_size=4, num_pieces=2)


def files(folder):
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_page_holds_all_that_it_loads(described, cache, tmp_path, samples):
    out = make_site(described, tmp_path / "page", samples=samples, cache=cache)
    assert (out / "model_web.tflite").read_bytes() == b"a model"
    assert files(out) >= {
        "index.html",
        "main.js",
        "style.css",
        "model_card.json",
        "site.json",
        "digits.png",
        "examples/0.png",
        "examples/1.png",
        "runtime/@litertjs/core/dist/index.js",
        "runtime/@litertjs/core/wasm/litert_wasm_internal.wasm",
        "runtime/@litertjs/wasm-utils/dist/index.js",
    }


def test_nothing_of_the_page_comes_from_elsewhere():
    for file in site._PAGE.iterdir():
        text = file.read_text("utf-8").replace("http://www.w3.org/", "")
        assert "http://" not in text, file
        assert "https://" not in text, file


def test_every_script_and_style_that_is_named_is_there():
    page = (site._PAGE / "index.html").read_text("utf-8")
    for file in site._PAGE.iterdir():
        if file.suffix == ".css":
            assert f'href="{file.name}"' in page
    scripts = {file.name for file in site._PAGE.glob("*.js")}
    texts = [file.read_text("utf-8") for file in site._PAGE.glob("*.[jh][st]*")]
    for name in scripts:
        assert any(
            f'"./{name}"' in text or f'src="{name}"' in text for text in texts
        ), name


def test_examples_are_the_samples_to_the_bit(
    described, cache, tmp_path, samples
):
    out = make_site(described, tmp_path / "page", samples=samples, cache=cache)
    told = json.loads((out / "site.json").read_text())
    assert [one["label"] for one in told["examples"]] == ["one", "zero"]
    for image, one in zip(samples.images, told["examples"], strict=True):
        with Image.open(out / one["file"]) as read:
            assert np.array_equal(np.asarray(read), image[..., 0])
    assert told["digits"]["ink_size"] == 9
    assert told["digits"]["piece_size"] == 4
    with Image.open(out / told["digits"]["file"]) as read:
        strip = np.asarray(read).reshape(3, 12, 12)
        assert np.array_equal(strip, samples.digits)


def test_a_page_needs_no_samples(described, cache, tmp_path):
    out = make_site(described, tmp_path / "page", cache=cache)
    told = json.loads((out / "site.json").read_text())
    assert told["examples"] == []
    assert told["digits"] is None


def test_a_page_is_made_anew_in_its_place(described, cache, tmp_path, samples):
    out = tmp_path / "page"
    make_site(described, out, samples=samples, cache=cache)
    (described / "model_web.tflite").write_bytes(b"a better model")
    make_site(described, out, cache=cache)
    assert (out / "model_web.tflite").read_bytes() == b"a better model"
    assert not (out / "examples").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name[0] == "."] == []


def test_other_files_are_left_alone(described, cache, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "index.html").write_text("mine")
    with pytest.raises(ValueError, match="left alone"):
        make_site(described, out, cache=cache)
    assert files(out) == {"index.html"}
    with pytest.raises(ValueError, match="left alone"):
        make_site(described, out / "index.html", cache=cache)


@pytest.mark.parametrize("name", ["CNAME", ".git/HEAD", "examples/mine.png"])
def test_what_was_added_to_a_page_is_not_lost(
    described, cache, tmp_path, samples, name
):
    out = make_site(described, tmp_path / "page", samples=samples, cache=cache)
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("mine")
    with pytest.raises(ValueError, match=f"move them.*'{name}'"):
        make_site(described, out, cache=cache)
    assert (out / name).read_text() == "mine"


def test_a_page_that_cannot_be_finished_leaves_the_one_before(
    described, cache, tmp_path, monkeypatch
):
    out = make_site(described, tmp_path / "page", cache=cache)
    before = files(out)
    rename, renamed = os.rename, []

    def second_fails(source, target):
        renamed.append(source)
        if len(renamed) == 2:
            raise OSError("disk full")
        rename(source, target)

    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(OSError, match="disk full"):
        make_site(described, out, cache=cache)
    assert files(out) == before


class TestBadInput:
    def test_an_export_without_a_file_for_browsers(
        self, described, cache, tmp_path
    ):
        (described / "model_web.tflite").unlink()
        with pytest.raises(
            ValueError, match=r"--formats web.*model_web\.tflite"
        ):
            make_site(described, tmp_path / "page", cache=cache)
        assert not (tmp_path / "page").exists()

    @pytest.mark.parametrize("text", ["{", "{}", "[]"])
    def test_a_damaged_card(self, described, cache, tmp_path, text):
        (described / "model_card.json").write_text(text)
        with pytest.raises(ValueError, match="model card is damaged"):
            make_site(described, tmp_path / "page", cache=cache)

    @pytest.mark.parametrize("shape", [[None, None, None, 1], [None, 6, 8, 2]])
    def test_images_that_cannot_be_drawn(
        self, described, cache, tmp_path, shape
    ):
        card = json.loads((described / "model_card.json").read_text())
        card["input"]["shape"] = shape
        (described / "model_card.json").write_text(json.dumps(card))
        with pytest.raises(ValueError, match="draws images of one size"):
            make_site(described, tmp_path / "page", cache=cache)

    def test_samples_of_another_shape(self, described, cache, tmp_path, digits):
        samples = Samples(np.zeros((1, 8, 8, 1), "uint8"), [0], digits)
        with pytest.raises(ValueError, match=r"\(1, 8, 8, 1\).*\(6, 8, 1\)"):
            make_site(
                described, tmp_path / "page", samples=samples, cache=cache
            )

    @pytest.mark.parametrize("label", [2, -1])
    def test_samples_of_classes_that_the_model_does_not_know(
        self, described, cache, tmp_path, digits, label
    ):
        images = np.zeros((2, 6, 8, 1), "uint8")
        samples = Samples(images, [0, label], digits)
        with pytest.raises(ValueError, match=f"0 to 1.*Received: {label}"):
            make_site(
                described, tmp_path / "page", samples=samples, cache=cache
            )
