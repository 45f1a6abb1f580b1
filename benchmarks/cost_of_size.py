"""How the cost of reading an image grows with its size.

    python benchmarks/cost_of_size.py

One image of 100 to 2,000 pixels a side is read by the network of the recipe
`ram_cluttered100` (with the weights of the preset where there is one; weights
cost the same) and by the plain convolutional network of `cnn_cluttered`, one
after the other in several rounds. Each is compiled for its size; the time is
that of all cores. Prints the median milliseconds and the pixels read, and
draws docs/cost.png.

What is read by glimpses is the area that the eight widest crops cover; it is
the same everywhere, as these are pixels of the image.
"""

import argparse
import os
import pathlib
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from matplotlib.figure import Figure

from keras_attention import models
from keras_attention.training.recipes import cnn_cluttered, ram_cluttered100

PICTURE = pathlib.Path(__file__).parents[1] / "docs/cost.png"
SIDES = (100, 200, 500, 1000, 2000)
PRESET, NUM_GLIMPSES, NUM_SCALES, GLIMPSE_SIZE = "ram_cluttered100", 8, 4, 12
NUM_ROUNDS, NUM_CALLS = 7, 10


def glimpses(side):
    """The trained network, for images of another size."""
    model = ram_cluttered100.network(side)
    if PRESET in models.preset_names():
        model.set_weights(models.from_preset(PRESET).get_weights())
    return model


def compiled(model, side):
    """Reads one image of that size."""
    spec = tf.TensorSpec((1, side, side, 1))
    function = tf.function(lambda image: model(image, training=False))
    function = function.get_concrete_function(spec)
    image = tf.random.stateless_uniform(spec.shape, (0, side))
    return lambda: function(image).numpy()


def milliseconds(call):
    start = time.perf_counter()
    for _ in range(NUM_CALLS):
        call()
    return 1000 * (time.perf_counter() - start) / NUM_CALLS


def measure():
    """Median milliseconds: dict of networks to one for each side."""
    medians = {"glimpses": [], "convolutions": []}
    for side in SIDES:
        calls = {
            "glimpses": compiled(glimpses(side), side),
            "convolutions": compiled(cnn_cluttered.network(side), side),
        }
        times = {name: [] for name in calls}
        for number in range(NUM_ROUNDS + 1):
            for name, call in calls.items():
                found = milliseconds(call)
                if number:  # the first warms up
                    times[name].append(found)
        for name, found in times.items():
            medians[name].append(statistics.median(found))
        keras.backend.clear_session()
    return medians


def pixels_read():
    """Dict of networks to the pixels they read at each side."""
    widest = GLIMPSE_SIZE * 2 ** (NUM_SCALES - 1)
    covered = NUM_GLIMPSES * widest**2
    return {
        "glimpses": [covered for _ in SIDES],
        "convolutions": [side**2 for side in SIDES],
    }


def draw(medians, pixels):
    """Two panels: time and pixels against the side."""
    figure = Figure((9, 3.6), layout="constrained")
    for axes, values, title in zip(
        figure.subplots(1, 2),
        (medians, pixels),
        ("Milliseconds for one image", "Pixels read"),
        strict=True,
    ):
        for (name, found), color in zip(
            values.items(), ("#1f5fa8", "#b8860b"), strict=True
        ):
            axes.loglog(SIDES, found, "o-", color=color)
            axes.annotate(
                name,
                (SIDES[-1], found[-1]),
                (-6, 7),
                textcoords="offset points",
                color=color,
                ha="right",
            )
        axes.set_xticks(SIDES, [f"{side:,}" for side in SIDES], minor=False)
        axes.set_xticks([], minor=True)
        axes.set_xlabel("pixels a side")
        axes.set_title(title, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.savefig(PICTURE, dpi=120)


def main():
    argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    medians, pixels = measure(), pixels_read()
    print(f"{'side':>6}{'glimpses':>20}{'convolutions':>24}")
    for row in zip(
        SIDES,
        *(values[name] for name in medians for values in (medians, pixels)),
        strict=True,
    ):
        side, *found = row
        print(
            f"{side:6}"
            + "".join(
                f"{time_:10.2f} ms{read:11,} px"
                for time_, read in zip(found[::2], found[1::2], strict=True)
            )
        )
    draw(medians, pixels)


if __name__ == "__main__":
    main()
