"""A cache and an export in name only, and the page in a real browser."""

import base64
import io
import json
import shutil
import time

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By

from keras_attention.export.web import runtime

SWITCHES = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update "
    "--disable-sync --window-size=1280,1000"
)
PATIENCE = 20  # seconds, of a slow machine


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache in which LiteRT.js is installed, in name only."""

    def npm_ci(workspace):
        for name in runtime.RUNTIME_FILES:
            file = workspace / "node_modules" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"this is {name}")

    cache = tmp_path / "cache"
    with monkeypatch.context() as patch:
        patch.setattr(runtime, "_npm_ci", npm_ci)
        runtime.install_runtime(cache)
    return cache


@pytest.fixture
def described(tmp_path):
    """An export folder whose model is one in name only."""
    folder = tmp_path / "exported"
    folder.mkdir()
    (folder / "model_web.tflite").write_bytes(b"a model")
    card = {
        "input": {"shape": [None, 6, 8, 1]},
        "labels": ["zero", "one"],
        "parameters": 7,
    }
    (folder / "model_card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture
def digits():
    """Three bars as digits: upright, 3 wide and 9 long, on 12x12."""
    digits = np.zeros((3, 12, 12), "uint8")
    digits[:, 1:10, 4:7] = 255
    return digits


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A driver of Chromium; skips the test where there is none."""
    profile = tmp_path_factory.mktemp("chromium")
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    if not (browser and driver):
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in [*SWITCHES.split(), f"--user-data-dir={profile}"]:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(driver)
    with webdriver.Chrome(options, service) as session:
        session.implicitly_wait(PATIENCE)
        yield session


@pytest.fixture(scope="session")
def installed():
    """The real LiteRT.js, in the user's cache: its folder."""
    try:
        return runtime.install_runtime()
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def open_page(browser, installed):
    """Opens the page at an address."""

    def open_page(address):
        page = Page(browser, address)
        page.load()
        return page

    return open_page


class Page:
    """The page, as a person and a screen reader meet it."""

    def __init__(self, driver, address):
        self.driver = driver
        self.address = address

    def load(self):
        """Opens it; waits until there is something to read."""
        # Where motion is not wanted, all glimpses are there at once.
        calm = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [calm]}
        )
        self.driver.get_log("browser")  # of the page before
        self.driver.get(self.address)
        return self.wait_for("resting", "empty", "error")

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def click(self, selector):
        self.find(selector).click()

    @property
    def answer(self):
        """What the page says it shows."""
        told = self.find("#answer").get_property("dataset")
        values = ("class", "step", "path", "probabilities")
        found = {name: json.loads(told.get(name) or "null") for name in values}
        return {"state": told["state"], **found}

    def wait_for(self, *states, step=None):
        """Waits for a state; returns the answer."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.find("#answer").get_attribute("data-state") in states:
                answer = self.answer
                if step in (None, answer["step"]):
                    return answer
            time.sleep(0.05)
        pytest.fail(f"{states} did not come: {self.find('main').text}")

    def open(self, file):
        """Chooses a picture file."""
        if self.answer["state"] != "empty":
            self.click("#clear")
        self.wait_for("empty")
        self.find("#file").send_keys(str(file))
        return self.wait_for("resting")

    def pixels(self, canvas="pixels"):
        """What lies on a canvas: uint8 (H, W, 4)."""
        address = self.driver.execute_script(
            f"return document.getElementById('{canvas}').toDataURL()"
        )
        png = base64.b64decode(address.partition(",")[2])
        with Image.open(io.BytesIO(png)) as image:
            return np.asarray(image.convert("RGBA"))

    def complaints(self):
        """What the console holds of the page's own scripts."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if "/runtime/" not in entry["message"]
            # That there is no graphics processor, which is not needed.
            and "No available adapters" not in entry["message"]
        ]
