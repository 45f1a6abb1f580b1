"""Measures how many canvases `training_dataset` makes per CPU-second.

Run `python benchmarks/canvases.py --data-dir DIR`. CPU time is that of the
whole process, all threads together, so that other work on the machine and the
number of cores matter little.
"""

import argparse
import itertools
import statistics
import time

from keras_attention.training import digits, recipes
from keras_attention.training.canvas_sets import training_dataset


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
    parser.add_argument(
        "--recipe", choices=recipes.names(), default="ram_cluttered60"
    )
    parser.add_argument("--data-dir", help="folder of TensorFlow Datasets")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--images", type=int, default=20_000, help="images per round"
    )
    options = parser.parse_args(arguments)

    recipe = recipes.get(options.recipe)
    split = digits.load_digits(recipe.source, options.data_dir)["train"]
    batches = iter(
        training_dataset(split, recipe.canvas, options.batch_size, seed=0)
    )
    num_batches = max(1, options.images // options.batch_size)
    next(batches)  # tracing and starting threads is not measured
    rates = [
        images_per_cpu_second(batches, num_batches, options.batch_size)
        for _ in range(options.rounds)
    ]
    print(f"{recipe.source}, {recipe.canvas}, batches of {options.batch_size}:")
    print(
        f"{statistics.median(rates):,.0f} images per CPU-second "
        f"(median of {options.rounds}; {min(rates):,.0f} to {max(rates):,.0f})"
    )


if __name__ == "__main__":
    main()
