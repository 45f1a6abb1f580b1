"""How long one image takes, as Keras, SavedModel and TFLite.

    python benchmarks/exported_latency.py
    python benchmarks/exported_latency.py RUN

RUN is the folder of a finished run, the name of a preset, or a .keras file;
without it, the network is the paper's for MNIST, whose weights, untrained, cost
as much. In each of several rounds each of the three answers the same images one
by one; TFLite has one thread. Prints the medians over rounds of the median
milliseconds of a round, their ratios, and the size of the TFLite file against
that of the weights.
"""

import argparse
import pathlib
import statistics
import tempfile
import time

import numpy as np

from keras_attention import export, models
from keras_attention_cli.sources import load_source

NUM_ROUNDS, NUM_IMAGES, NUM_WARM_UP = 7, 100, 20


def milliseconds(call, images):
    """The median of how long a call takes, once it is warm."""
    times = []
    for image in images:
        start = time.perf_counter()
        call(image)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[NUM_WARM_UP:])


def papers():
    """The network of "Recurrent Models of Visual Attention" for MNIST."""
    return models.ram((28, 28, 1), num_glimpses=6, glimpse_size=8)


def main(model):
    """Prints the table."""
    shape = model.input_shape[1:]
    generator = np.random.default_rng(0)
    images = generator.random((NUM_IMAGES, 1, *shape), dtype="float32")
    with tempfile.TemporaryDirectory() as folder:
        directory = pathlib.Path(folder, "saved_model")
        saved = export.load_exported(
            export.export_saved_model(model, directory)
        )
        file = export.export_tflite(model, directory.with_suffix(".tflite"))
        size = file.stat().st_size
        tflite = export.load_exported(file, num_threads=1)
    calls = {
        "TFLite": lambda image: tflite.runtime.run(
            "serving_default", {"image": image}
        ),
        "SavedModel": lambda image: saved.runtime.run(
            "serving_default", {"image": image}
        ),
        "model.predict": lambda image: model.predict(image, verbose=0),
    }
    times = {name: [] for name in calls}
    for _ in range(NUM_ROUNDS):
        for name, call in calls.items():
            times[name].append(milliseconds(call, images))
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, median in medians.items():
        ratio = median / medians["TFLite"]
        print(f"{name:14}{median:9.3f} ms{ratio:8.1f} times TFLite")
    weights = 4 * model.count_params()
    print(f"TFLite file: {size} bytes, {size / weights:.3f} times the weights")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=pathlib.Path, nargs="?")
    run = parser.parse_args().run
    main(load_source(run).model if run else papers())
