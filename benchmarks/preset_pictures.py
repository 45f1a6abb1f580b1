"""Draws what the presets look at, for the page of results.

Run `python benchmarks/preset_pictures.py`: it writes docs/presets/NAME.png of
every preset that has none, or one of another model, which its SHA-256 in the
picture tells; or of those that are named. Two test images each, the first that
it reads rightly and the first that it reads wrongly.
"""

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from keras_attention import models, training
from keras_attention.training import plots

FOLDER = Path(__file__).parents[1] / "docs/presets"


def picture(name, data_dir=None):
    """The picture of a preset, PNG."""
    trained = training.load_trained(name)
    test = training.load_test_set(trained.recipe, data_dir)
    found = trained.model.predict(test.images[:2000], verbose=0).argmax(-1)
    labels = test.labels[: len(found)]
    wrong = (found != labels).reshape(len(found), -1).any(axis=1)
    names = trained.recipe.canvas.class_names
    shown = np.array([np.argmin(wrong), np.argmax(wrong)])
    figure = plots.attention(
        trained.model,
        test.images[shown],
        titles=[
            f"{told(labels[i], names)} is read as {told(found[i], names)}"
            for i in shown
        ],
        boxes=test.boxes[shown],
        item_grid=trained.recipe.item_grid,
    )
    return plots.png(figure)


def write(file, name, data_dir=None):
    """Writes the picture of a preset, and whose it is."""
    text = PngImagePlugin.PngInfo()
    text.add_text("sha256", models.preset_card(name)["sha256"])
    with Image.open(io.BytesIO(picture(name, data_dir))) as image:
        image.save(file, pnginfo=text)


def signed(file):
    """The SHA-256 of the model that a picture is of, if there is one."""
    if not file.exists():
        return None
    with Image.open(file) as image:
        return image.text.get("sha256")


def told(label, names):
    """What a label stands for, or several, one after the other."""
    return " ".join(names[one] for one in np.atleast_1d(label))


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", help="of presets")
    parser.add_argument("--data-dir", help="folder of TensorFlow Datasets")
    options = parser.parse_args(arguments)
    FOLDER.mkdir(exist_ok=True)
    files = {name: FOLDER / f"{name}.png" for name in models.preset_names()}
    old = [
        name
        for name, file in files.items()
        if signed(file) != models.preset_card(name)["sha256"]
    ]
    for name in options.names or old:
        write(files[name], name, options.data_dir)


if __name__ == "__main__":
    main()
