"""What a glimpse costs, beside TensorFlow's own crop, and on large images.

    python benchmarks/glimpse.py

Batch 128, 12x12 at 3 scales, as a graph, and where it says so by XLA, which
does not know `crop_and_resize`. `crop_and_resize` takes the
three crops of the same places and sizes (it interpolates at 144 points and
does not average, so at the coarse scales it reads less than a glimpse does;
it does not convert to TFLite). Rounds take turns; medians of wall time.
"""

import argparse
import statistics
import time

import numpy as np
import tensorflow as tf

from keras_attention import ops

BATCH, SIZE, SCALES = 128, 12, 3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    locations = tf.random.uniform((BATCH, 2), -0.9, 0.9)
    images = tf.random.uniform((BATCH, 60, 60, 1))
    report(
        "60x60x1, one glimpse",
        {
            "crop_and_resize": lambda: crop_and_resize(images, locations),
            "glimpse, bilinear": lambda: ops.glimpse(
                images, locations, SIZE, SCALES
            ),
            "bilinear, XLA": lambda: ops.glimpse(
                images, locations, SIZE, SCALES
            ),
            "glimpse, nearest": lambda: ops.glimpse(
                images, locations, SIZE, SCALES, "nearest"
            ),
        },
        rounds,
    )
    for pyramid in (True, False):
        report(
            "from a pyramid" if pyramid else "without a pyramid",
            {
                f"{side}x{side}": reader(side, locations, pyramid)
                for side in (60, 120, 240, 480)
            },
            rounds,
        )


def crop_and_resize(images, locations):
    """The three crops, in the coordinates of TensorFlow's op."""
    side = images.shape[1] - 1
    center = (locations[:, ::-1] + 1) / 2
    crops = []
    for scale in range(SCALES):
        block = 2**scale
        # The first and the last of the points it reads lie in the middle of
        # the first and the last block.
        half = (SIZE - 1) * block / 2 / side
        boxes = tf.concat([center - half, center + half], axis=1)
        crops.append(
            tf.image.crop_and_resize(
                images, boxes, tf.range(BATCH), (SIZE, SIZE)
            )
        )
    return tf.concat(crops, axis=-1)


def reader(side, locations, pyramid):
    images = tf.random.uniform((BATCH, side, side, 1))
    if not pyramid:
        return lambda: ops.glimpse(images, locations, SIZE, SCALES)
    levels = ops.glimpse_pyramid(images, SCALES)
    return lambda: ops.glimpse_from_pyramid(levels, locations, SIZE)


def report(title, candidates, rounds):
    taken = {name: [] for name in candidates}
    compiled = {
        name: tf.function(run, jit_compile="XLA" in name)
        for name, run in candidates.items()
    }
    for _ in range(rounds + 3):
        for name, run in compiled.items():
            start = time.perf_counter()
            np.asarray(run())
            taken[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(t[3:]) for name, t in taken.items()}
    first = next(iter(medians.values()))
    print(title)
    for name, median in medians.items():
        print(f"  {name:18} {1e3 * median:7.2f} ms  {median / first:5.2f}")


if __name__ == "__main__":
    main()
