"""The page in Chromium, against the same file in the Python interpreter."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By

from keras_attention import export
from keras_attention.export.web import Samples, make_site, serve_site

NUM_GLIMPSES = 3


@pytest.fixture(scope="module")
def digits(images):
    """uint8 (10, 28, 28, 1)."""
    return np.round(255 * images[:10]).astype("uint8")


@pytest.fixture(scope="module")
def page(open_page, exported, digits, tmp_path_factory):
    labels = np.arange(4)
    samples = Samples(digits[:4], labels, digits[..., 0], 6, 4)
    site = tmp_path_factory.mktemp("web") / "site"
    make_site(exported, site, samples=samples)
    with serve_site(site) as address:
        yield open_page(address)


@pytest.fixture(autouse=True)
def no_complaints(page):
    yield
    assert page.complaints() == []


@pytest.fixture(scope="module")
def read(exported):
    """What the Python interpreter makes of uint8 pixels (H, W, C)."""
    file = str(exported / "model_web.tflite")
    runner = Interpreter(file).get_signature_runner("serving_default")

    def read(pixels):
        outputs = runner(image=pixels[None].astype("float32") / 255)
        return {name: value[0] for name, value in outputs.items()}

    return read


def agree(answer, outputs, step=NUM_GLIMPSES):
    assert answer["step"] == step
    expected = outputs["step_probabilities"][step - 1]
    assert answer["class"] == expected.argmax()
    assert np.allclose(answer["probabilities"], expected, atol=1e-4)
    assert np.allclose(answer["path"], outputs["location"][:step], atol=1e-4)


@pytest.fixture
def digit(page, digits, tmp_path):
    """A file of a known digit, which lies on the canvas."""
    file = tmp_path / "digit.png"
    Image.fromarray(digits[7, :, :, 0]).save(file)
    page.open(file)
    return digits[7]


def test_a_known_image_is_read_as_python_reads_it(page, digit, read):
    assert np.array_equal(page.pixels()[..., :1], digit)
    outputs = read(digit)
    assert outputs["class"] == outputs["probabilities"].argmax()
    agree(page.answer, outputs)
    assert page.find("#label").text == str(outputs["class"])


def test_a_picture_of_another_size_is_fitted_as_python_fits_it(
    page, read, tmp_path
):
    y, x = np.mgrid[:61, :97]
    ramps = np.stack([2 * x, 4 * y, 255 - 2 * x], axis=-1)
    colours = np.where((x // 8 + y // 8)[..., None] % 2, ramps, 0)
    file = tmp_path / "colours.png"
    Image.fromarray(colours.astype("uint8")).save(file)
    answer = page.open(file)
    pixels = page.pixels()[..., :1]
    expected = 255 * export.read_image(file, (28, 28, 1))
    assert np.abs(pixels - expected).max() <= 1
    agree(answer, read(pixels))


def test_what_is_transparent_is_black(page, tmp_path):
    pixels = np.zeros((28, 28, 4), "uint8")
    pixels[..., 0] = 255
    pixels[:14, :, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "half.png")
    page.open(tmp_path / "half.png")
    pixels = page.pixels()[..., 0]
    assert (pixels[:14] == 76).all()  # the brightness of red
    assert (pixels[14:] == 0).all()


def draw(page, points):
    """Draws a line through points, shares of the canvas."""
    stage = page.find("#stage")
    size = stage.size["width"]
    hand = ActionChains(page.driver, duration=30)
    for i, (x, y) in enumerate(points):
        offset = (x - 0.5) * size, (y - 0.5) * size
        hand.move_to_element_with_offset(stage, *offset)
        if i == 0:
            hand.click_and_hold()
    hand.release().perform()


SEVEN = [(0.3, 0.25), (0.7, 0.25), (0.6, 0.5), (0.5, 0.75)]


def test_what_is_drawn_is_read_as_python_reads_its_pixels(page, read):
    page.click("#clear")
    page.wait_for("empty")
    draw(page, SEVEN)
    answer = page.wait_for("resting")
    pixels = page.pixels()[..., :1]
    # On black, bright along the line and nowhere else.
    assert pixels[7, 9:19].min() > 200
    assert pixels[:3].max() == pixels[24:].max() == 0
    agree(answer, read(pixels))


def touch(page, kind, *points):
    """Fingers on the canvas, at shares of it."""
    box = page.driver.execute_script(
        "return document.getElementById('stage').getBoundingClientRect()"
    )
    places = [
        {
            "x": box["left"] + x * box["width"],
            "y": box["top"] + y * box["height"],
            "id": finger,
        }
        for finger, (x, y) in enumerate(points)
    ]
    page.driver.execute_cdp_cmd(
        "Input.dispatchTouchEvent", {"type": kind, "touchPoints": places}
    )


def test_touch_draws(page):
    page.click("#clear")
    page.driver.execute_script("scrollTo(0, 0)")
    touch(page, "touchStart", (0.3, 0.5))
    touch(page, "touchMove", (0.6, 0.5))
    touch(page, "touchEnd")
    page.wait_for("resting")
    assert page.pixels()[14, 9:17, 0].min() > 200


def test_a_drawing_too_small_can_be_fitted(page):
    page.click("#clear")
    draw(page, [(0.4, 0.4), (0.6, 0.45), (0.5, 0.6)])
    page.wait_for("resting")
    assert "Smaller than" in page.find("#hint").text
    page.click("#remedy")
    page.wait_for("resting")
    assert page.find("#hint").text == ""
    rows = np.flatnonzero(page.pixels()[..., 0].max(axis=1) > 127)
    assert rows.max() - rows.min() >= 22  # of 28


def test_the_slider_sets_how_many_glimpses_are_taken(page, digit, read):
    slider = page.find("#length")
    for step in (2, 1):
        slider.send_keys(Keys.ARROW_LEFT)
        agree(page.answer, read(digit), step)
        assert page.find("#length-value").text == f"{step} of {NUM_GLIMPSES}"
        buttons = page.driver.find_elements(By.CSS_SELECTOR, "#frames button")
        enabled = [button.is_enabled() for button in buttons]
        assert enabled == [i < step for i in range(NUM_GLIMPSES)]
    slider.send_keys(Keys.END)
    agree(page.answer, read(digit))


def test_glimpses_are_shown_where_they_were_looked_at(page, digit, read):
    squares = read(digit)["squares"]
    page.click("#frames li:nth-child(2) button")
    gaze = page.driver.find_elements(By.CSS_SELECTOR, "#overlay .gaze .line")
    assert len(gaze) == squares.shape[1]
    script = """
        const to = document.getElementById('overlay').getScreenCTM().inverse();
        const box = arguments[0].getBoundingClientRect();
        const corner = (x, y) => new DOMPoint(x, y).matrixTransform(to);
        const [a, b] = [corner(box.left, box.top),
                        corner(box.right, box.bottom)];
        return [a.x, a.y, b.x, b.y];
    """
    # Drawn from the widest to the finest; a line is not a hair.
    for line, square in zip(gaze, squares[1][::-1], strict=True):
        found = page.driver.execute_script(script, line)
        assert np.allclose(found, square, atol=0.3)
    crops = page.driver.find_elements(By.CSS_SELECTOR, "#retina canvas")
    assert len(crops) == squares.shape[1]


def test_keys_go_from_glimpse_to_glimpse(page, digit, read):
    body = page.find("body")
    page.driver.execute_script("document.activeElement.blur()")
    body.send_keys(Keys.ARROW_LEFT)
    agree(page.answer, read(digit), 2)
    body.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    agree(page.answer, read(digit), 1)
    body.send_keys(Keys.ARROW_RIGHT)
    agree(page.answer, read(digit), 2)


def test_the_space_bar_plays_and_pauses(page, digit, read):
    page.driver.execute_script("document.activeElement.blur()")
    page.find("body").send_keys(Keys.SPACE)
    assert page.answer["state"] == "playing"
    assert page.find("#play").text == "Pause"
    page.wait_for("playing", step=1)
    page.find("body").send_keys(Keys.SPACE)
    agree(page.wait_for("resting", step=1), read(digit), 1)
    page.find("body").send_keys(Keys.SPACE)
    agree(page.wait_for("resting"), read(digit))
    said = page.find("#announcement").get_property("textContent")
    assert said.startswith(f"{page.answer['class']} ")


def test_keys_on_the_canvas_move_resize_and_clear(page, digit):
    stage = page.find("#stage")
    stage.send_keys(Keys.ARROW_RIGHT)
    assert np.array_equal(page.pixels()[:, 1:, :1], digit[:, :-1])
    stage.send_keys(Keys.ARROW_LEFT, Keys.ARROW_DOWN)
    assert np.array_equal(page.pixels()[1:, :, :1], digit[:-1])
    stage.send_keys("-", "-", "-")
    assert 0 < page.pixels()[..., 0].astype(int).sum() < digit.astype(int).sum()
    stage.send_keys(Keys.DELETE)
    page.wait_for("empty")
    assert page.pixels()[..., 0].max() == 0


def test_a_mouse_moves_what_lies_there(page, digit):
    page.click("[name=tool][value=move]")
    pixel = page.find("#stage").size["width"] / 28
    hand = ActionChains(page.driver, duration=30)
    hand.move_to_element(page.find("#stage")).click_and_hold()
    hand.move_by_offset(round(5 * pixel), round(-3 * pixel)).release()
    hand.perform()
    page.click("[name=tool][value=draw]")
    assert np.array_equal(page.pixels()[:-3, 5:, :1], digit[3:, :-5])


def test_two_fingers_change_the_size(page, digit):
    page.driver.execute_script("scrollTo(0, 0)")
    page.click("[name=tool][value=move]")
    touch(page, "touchStart", (0.3, 0.3))
    touch(page, "touchStart", (0.3, 0.3), (0.9, 0.9))
    touch(page, "touchMove", (0.3, 0.3), (0.6, 0.6))
    touch(page, "touchEnd")
    page.click("[name=tool][value=draw]")
    # Half as large, around the finger that stayed.
    ink = np.argwhere(page.pixels()[..., 0] > 60)
    before = np.argwhere(digit[..., 0] > 60)
    still = 0.3 * 28 - 0.5
    assert np.allclose(ink.min(0), still + (before.min(0) - still) / 2, atol=1)
    assert np.allclose(ink.max(0), still + (before.max(0) - still) / 2, atol=1)


def test_clutter_is_added_and_taken_back(page, digit):
    page.click("#clutter")
    page.wait_for("resting")
    cluttered = page.pixels()[..., :1]
    assert (cluttered >= digit).all()
    assert (cluttered > digit).sum() > 10
    page.click("#undo")
    assert np.array_equal(page.pixels()[..., :1], digit)


def test_a_ready_made_image_tells_whether_it_is_read_right(page, digits, read):
    page.click("#clear")
    page.wait_for("empty")
    page.click("#examples li:nth-child(3) button")
    answer = page.wait_for("resting", step=NUM_GLIMPSES)
    agree(answer, read(digits[2]))
    right = answer["class"] == 2
    said = page.find("#sentence").text
    assert said.endswith("right" if right else "it is a 2")


def test_the_image_can_give_way_to_what_was_seen_of_it(page, digit):
    seen = page.find("#seen")
    assert not seen.is_displayed()
    page.find("#only-seen").send_keys(Keys.SPACE)
    assert seen.is_displayed()
    page.find("#only-seen").send_keys(Keys.SPACE)
    assert not seen.is_displayed()


def test_dark_and_light_as_the_reader_chooses(page):
    def ground():
        body = page.find("body").value_of_css_property("background-color")
        return sum(int(v) for v in body[body.index("(") + 1 :].split(",")[:3])

    before = ground()
    page.click("#theme")
    chosen = ground()
    assert abs(chosen - before) > 500
    page.load()
    assert ground() == chosen
    page.click("#theme")
    assert ground() == before


def test_every_control_has_a_name(page):
    controls = page.driver.find_elements(
        By.CSS_SELECTOR, "button, input, [tabindex]"
    )
    shown = [one for one in controls if one.is_displayed()]
    assert len(shown) > 15
    unnamed = [one for one in shown if not one.accessible_name]
    assert [one.get_attribute("outerHTML") for one in unnamed] == []


def test_what_is_no_picture_is_refused(page, digit, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    page.find("#file").send_keys(str(tmp_path / "notes.png"))
    page.find("#problem:not([hidden])")
    assert "no picture" in page.find("#problem").text
    assert np.array_equal(page.pixels()[..., :1], digit)
