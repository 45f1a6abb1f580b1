"""Measures how many canvases `training_dataset` makes per CPU-second.

Run `python benchmarks/canvases.py --data-dir DIR`. CPU time is that of the
whole process, all threads together, so that other work on the machine and the
number of cores matter little.
"""

import argparse
import itertools
import statistics
import time

from keras_attention.training import canvases, digits

# Source: the canvas of the cluttered task.
CANVASES = {
    "mnist": canvases.Canvas(60, num_distractors=4, distractor_size=8),
    "digits": canvases.Canvas(40, num_distractors=4, distractor_size=5),
}


def images_per_cpu_second(batches, num_batches, batch_size):
    start = time.process_time()
    for _ in itertools.islice(batches, num_batches):
        pass
    return num_batches * batch_size / (time.process_time() - start)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--source", choices=digits.SOURCES, default="mnist")
    parser.add_argument("--data-dir", help="folder of TensorFlow Datasets")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--images", type=int, default=20_000, help="images per round"
    )
    options = parser.parse_args(arguments)

    split = digits.load_digits(options.source, options.data_dir)["train"]
    canvas = CANVASES[options.source]
    batches = iter(
        canvases.training_dataset(split, canvas, options.batch_size, seed=0)
    )
    num_batches = max(1, options.images // options.batch_size)
    next(batches)  # tracing and starting threads is not measured
    rates = [
        images_per_cpu_second(batches, num_batches, options.batch_size)
        for _ in range(options.rounds)
    ]
    print(f"{options.source}, {canvas}, batches of {options.batch_size}:")
    print(
        f"{statistics.median(rates):,.0f} images per CPU-second "
        f"(median of {options.rounds}; {min(rates):,.0f} to {max(rates):,.0f})"
    )


if __name__ == "__main__":
    main()
