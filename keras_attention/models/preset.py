"""Trained models that come with the package."""

import hashlib
import json
from pathlib import Path

import keras

FOLDER = Path(__file__).parent / "presets"


def from_preset(name):
    """Loads a trained model that comes with the package.

    No network is needed. The file is compared with the checksum of its card
    before it is loaded.

    Args:
        name: one of `preset_names()`.

    Returns:
        A `keras.Model`, not compiled, from images (B, H, W, C), floating in
        [0, 1] or uint8, to scores of classes (B, K).

    Raises:
        ValueError: if there is no such preset, or its file is not the one
            that its card tells of.

    Example:
    >>> model = from_preset("ram_mnist")
    >>> scores = model(np.zeros((1, *model.input_shape[1:]), "uint8"))
    >>> scores.shape
    TensorShape([1, 10])
    """
    card = preset_card(name)
    path = FOLDER / f"{name}.keras"
    found = sha256(path)
    if found != card["sha256"]:
        raise ValueError(
            f"{path} is damaged or of another version: its SHA-256 is not "
            f"that of its card. Received: {found}, expected: {card['sha256']}"
        )
    return keras.models.load_model(path, compile=False)


def preset_card(name):
    """What is known of a preset: how it was trained, and what it reaches.

    Args:
        name: one of `preset_names()`.

    Returns:
        A dict: `recipe`, `summary`, `command`, `seed`, `commit`, `versions`;
        `results`, the figures of its test set and the cost of its training;
        `sha256` and `num_bytes` of its file, and more.

    Raises:
        ValueError: if there is no such preset.

    Example:
    >>> cards = [preset_card(name) for name in preset_names()]
    >>> all(card["num_bytes"] <= 6_000_000 for card in cards)
    True
    """
    names = preset_names()
    if name not in names:
        raise ValueError(
            f"There is no preset of this name. Received: {name!r}, known: "
            f"{', '.join(names)}"
        )
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def preset_names():
    """Names of all presets, those of the recipes they were trained by.

    Returns:
        A list of names.

    Example:
    >>> preset_names() == sorted(preset_names())
    True
    """
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def sha256(path):
    """The SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
