import base64

from keras_attention.training.page import page


def test_a_page_shows_text_table_and_pictures():
    made = page("Title", "Some text.", {"Right": "90 %"}, [("A path", b"png")])
    assert "<h1>Title</h1>" in made
    assert "Some text." in made
    assert "<tr><th>Right</th><td>90 %</td></tr>" in made
    encoded = base64.b64encode(b"png").decode()
    assert f"data:image/png;base64,{encoded}" in made


def test_a_page_needs_no_network():
    made = page("T", "t", {}, [("c", b"png")])
    assert "http" not in made


def test_text_is_not_taken_for_markup():
    made = page("<b>", "<i>", {"<u>": "<s>"}, [("<q>", b"")])
    for tag in ("b", "i", "u", "s", "q"):
        assert f"<{tag}>" not in made
        assert f"&lt;{tag}&gt;" in made
