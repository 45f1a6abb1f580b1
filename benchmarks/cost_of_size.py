"""How the cost of reading a digit grows with the size of the image.

    keras-attention train cnn_narrow100 --seed 0
    python benchmarks/cost_of_size.py runs/cnn_narrow100

The preset `ram_cluttered100` and a plain convolutional network, which makes
about as many errors, read the test canvases of 100x100. Each lies somewhere on
a dark image of 100 to 2,000 pixels a side. The plain network reads all of it.
The glimpses first find the canvas: one of 12x12 that covers the image, then one
that covers 384 pixels around its centre of brightness; then the model takes its
own in the 100x100 around that of the second. To average the pixels under a
coarse glimpse is part of the time.

Each is compiled for its size and reads one image, one after the other in
several rounds; the time is that of all cores. Prints the median milliseconds,
the pixels that a network is given (one of a coarse glimpse is the mean of
several of the image), and the errors, and draws docs/cost.png.
"""

import argparse
import os
import pathlib
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from keras_attention import models, ops, training
from keras_attention.training.recipes import cnn_narrow100, ram_cluttered100

PICTURE = pathlib.Path(__file__).parents[1] / "docs/cost.png"
PRESET, COLORS = "ram_cluttered100", ("#1f5fa8", "#b8860b")
SIDES, CANVAS = (100, 200, 500, 1000, 2000), 100
GLIMPSE_SIZE, FINDING_SCALES = 12, 6
NUM_ROUNDS, NUM_CALLS, NUM_IMAGES = 7, 10, 500


def found(image, side):
    """The 100x100 of an image around its centre of brightness."""
    if side == CANVAS:
        return image
    whole = tf.image.resize(image, (GLIMPSE_SIZE, GLIMPSE_SIZE), "area")
    location = brightest(whole, side) * 2 / (side - 1)
    seen = ops.glimpse(image, location, GLIMPSE_SIZE, FINDING_SCALES)
    width = GLIMPSE_SIZE * 2 ** (FINDING_SCALES - 1)
    location += brightest(seen[..., -1:], width) * 2 / (side - 1)
    return ops.glimpse(image, location, CANVAS, interpolation="nearest")


def brightest(glimpse, width):
    """From its middle to its centre of brightness, in pixels: (1, 2)."""
    weights = glimpse[..., 0] / tf.reduce_sum(glimpse)
    pixels = width * (
        (tf.range(float(GLIMPSE_SIZE)) + 0.5) / GLIMPSE_SIZE - 0.5
    )
    x_and_y = [tf.reduce_sum(weights, axis) for axis in (1, 2)]
    return tf.stack([tf.linalg.matvec(of, pixels) for of in x_and_y], 1)


def readers(side, plain):
    """From one image to its scores: dict of both networks, compiled."""
    glimpses = models.from_preset(PRESET)
    convolutions = cnn_narrow100.network(side)
    convolutions.set_weights(plain.get_weights())
    spec = tf.TensorSpec((1, side, side, 1))
    return {
        name: tf.function(function).get_concrete_function(spec)
        for name, function in {
            "glimpses": lambda image: glimpses(
                found(image, side), training=False
            ),
            "convolutions": lambda image: convolutions(image, training=False),
        }.items()
    }


def images_of(side, canvases):
    """Each canvas somewhere on a dark image."""
    places = np.random.default_rng(0).integers(
        side - CANVAS + 1, size=(len(canvases), 2)
    )
    for canvas, (top, left) in zip(canvases, places, strict=True):
        image = np.zeros((1, side, side, 1), "float32")
        image[0, top : top + CANVAS, left : left + CANVAS] = canvas / 255
        yield tf.constant(image)


def milliseconds(read, image):
    start = time.perf_counter()
    for _ in range(NUM_CALLS):
        read(image).numpy()
    return 1000 * (time.perf_counter() - start) / NUM_CALLS


def measure(side, plain, test):
    """Of each network: milliseconds, pixels and errors in percent."""
    reads = readers(side, plain)
    canvases, labels = test.images[:NUM_IMAGES], test.labels[:NUM_IMAGES]
    image = next(images_of(side, canvases))
    times = {name: [] for name in reads}
    for number in range(NUM_ROUNDS + 1):
        for name, read in reads.items():
            took = milliseconds(read, image)
            if number:  # the first warms up
                times[name].append(took)
    wrong = dict.fromkeys(reads, 0)
    for image, label in zip(images_of(side, canvases), labels, strict=True):
        for name, read in reads.items():
            wrong[name] += int(read(image).numpy().argmax() != label)
    card = models.preset_card(PRESET)
    pixels = {
        "glimpses": card["pixels_read"] + 2 * GLIMPSE_SIZE**2 * (side > CANVAS),
        "convolutions": side**2,
    }
    return {
        name: (
            statistics.median(times[name]),
            pixels[name],
            100 * wrong[name] / len(labels),
        )
        for name in reads
    }


def draw(measured):
    """Three panels against the side: time, pixels and errors."""
    figure = Figure((12, 3.6), layout="constrained")
    titles = ("Milliseconds for one image", "Pixels read", "Error in %")
    for panel, (axes, title) in enumerate(
        zip(figure.subplots(1, 3), titles, strict=True)
    ):
        axes.set_xscale("log")
        if panel < 2:
            axes.set_yscale("log")
        for name, color in zip(measured[SIDES[0]], COLORS, strict=True):
            values = [measured[side][name][panel] for side in SIDES]
            axes.plot(SIDES, values, "o-", color=color, label=name)
        if panel == 2:
            axes.set_ylim(0)
        axes.set_xticks(SIDES, [f"{side:,}" for side in SIDES], minor=False)
        axes.set_xticks([], minor=True)
        axes.set_xlabel("pixels a side")
        axes.set_title(title, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.axes[0].legend(frameon=False)
    figure.savefig(PICTURE, dpi=120)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", help="folder of the run of cnn_narrow100")
    plain = training.load_trained(parser.parse_args().run).model
    test = training.load_test_set(ram_cluttered100.RECIPE)
    measured = {}
    for side in SIDES:
        measured[side] = measure(side, plain, test)
        keras.backend.clear_session()
        print(
            f"{side:6}"
            + "".join(
                f"  {name} {took:8.2f} ms {pixels:9,} px {error:5.1f} % wrong"
                for name, (took, pixels, error) in measured[side].items()
            ),
            flush=True,
        )
    draw(measured)


if __name__ == "__main__":
    main()
