"""Accuracy against mean number of glimpses, where a model stops once sure.

    python benchmarks/until_sure.py RUN --picture docs/until_sure.png
    python benchmarks/until_sure.py RUN --latency

RUN is the folder of a finished run. The first prints, at some thresholds, what
`models.until_sure` reaches on the recipe's test set, and draws the curve. The
second exports the model at some thresholds and measures one image at a time
through the files, in turns, in this process.
"""

import argparse
import os
import pathlib
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from matplotlib.figure import Figure

import keras_attention
from keras_attention import export, models, training
from keras_attention.training import plots, recipes

UNTIL_SURE, ALL = "#3366aa", "#ee4266"  # colours
THRESHOLDS = (0.5, 0.8, 0.9, 0.95, 0.99, 1)
BATCH_SIZE = 500


def evaluated(model, test):
    """Accuracy and mean glimpses of a model that stops early, by running it."""
    correct, glimpses = 0, 0
    for start in range(0, len(test.labels), BATCH_SIZE):
        batch = slice(start, start + BATCH_SIZE)
        with keras_attention.record_attention() as attention:
            scores = model(test.images[batch]).numpy()
        (attention,) = attention.values()
        correct += np.sum(scores.argmax(axis=-1) == test.labels[batch])
        glimpses += np.sum(attention["num_glimpses"])
    return correct / len(test.labels), glimpses / len(test.labels)


def draw(curve, marked, fixed, name):
    """The picture: the curve, thresholds on it, and fixed numbers beside."""
    figure = Figure(figsize=(6.4, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    x, y = zip(
        *((p["mean_glimpses"], 100 * p["accuracy"]) for p in curve), strict=True
    )
    axes.plot(x, y, color=UNTIL_SURE, linewidth=1.5, label="until sure")
    axes.plot(
        np.arange(1, len(fixed) + 1),
        100 * fixed,
        "x--",
        color="grey",
        linewidth=1,
        label="as many for every image",
    )
    for i, point in enumerate(marked):
        at = point["mean_glimpses"], 100 * point["accuracy"]
        whole = point["threshold"] == 1
        text = "all glimpses" if whole else f"{point['threshold']:g}"
        axes.plot(*at, "o", color=ALL if whole else UNTIL_SURE)
        axes.annotate(
            text,
            at,
            textcoords="offset points",
            xytext=(0, -15 if i % 2 and not whole else 6),
            ha="right" if whole or point["threshold"] <= 0.5 else "center",
        )
    axes.set_xlabel("mean number of glimpses")
    axes.set_ylabel("accuracy on the test set, %")
    axes.set_title(f"{name}: looking until the best class has probability ...")
    axes.margins(y=0.1)
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)
    return figure


def show_curve(model, test, name, picture):
    """Prints the table, each line twice: from one pass, and by running."""
    fine = [0.11, *np.linspace(0.15, 0.95, 33), 0.97, 0.98, 0.99, 0.995, 0.999]
    curve = training.until_sure_curve(
        model, test, [*fine, *THRESHOLDS], verbose=0
    )
    marked = curve[-len(THRESHOLDS) :]
    print("threshold  accuracy  mean glimpses   by running the model")
    for point in marked:
        found = evaluated(models.until_sure(model, point["threshold"]), test)
        print(
            f"{point['threshold']:9g}  {point['accuracy']:.4f}    "
            f"{point['mean_glimpses']:.4f}          "
            f"{found[0]:.4f}  {found[1]:.4f}"
        )
    scores = models.every_step(model).predict(test.images, BATCH_SIZE, 0)
    fixed = (scores.argmax(axis=-1) == test.labels[:, None]).mean(axis=0)
    print("as many glimpses of every image:", *fixed.round(4))
    if picture:
        points = sorted(curve, key=lambda point: point["mean_glimpses"])
        picture.write_bytes(plots.png(draw(points, marked, fixed, name)))


def show_latency(model, test, num_images=300):
    """Prints milliseconds of one image, beside the glimpses it takes."""
    images = test.images[:num_images] / np.float32(255)
    kinds = {"all, unrolled": model}
    for threshold in (0.001, 0.5, 0.9, 0.99, 1):
        kinds[f"{threshold:g}"] = models.until_sure(model, threshold)
    loaded = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in kinds.items():
            path = pathlib.Path(folder, name)
            saved = export.export_saved_model(kind, path)
            file = export.export_tflite(kind, path.with_suffix(".tflite"))
            loaded["SavedModel", name] = export.load_exported(saved)
            loaded["TFLite", name] = export.load_exported(file, num_threads=1)
    times = {key: [] for key in loaded}
    glimpses = {key: [] for key in loaded}
    for i in range(-20, num_images):  # the first ones warm up
        for key, exported in loaded.items():
            image = images[max(i, 0)][None]
            start = time.perf_counter()
            outputs = exported.predict(image)
            seconds = time.perf_counter() - start
            if i >= 0:
                times[key].append(1000 * seconds)
                everything = [outputs["location"].shape[1]]
                taken = outputs.get("num_glimpses", everything)
                glimpses[key].append(taken[0])
    print("file        threshold      mean glimpses  mean ms  median ms")
    for (file, name), values in times.items():
        print(
            f"{file:10}  {name:13}  {np.mean(glimpses[file, name]):13.2f}  "
            f"{np.mean(values):7.3f}  {statistics.median(values):9.3f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--picture", type=pathlib.Path)
    parser.add_argument("--latency", action="store_true")
    arguments = parser.parse_args()
    run = training.RunFolder(arguments.run)
    config, model = run.config(), run.model()
    test = training.load_test_set(
        recipes.get(config["recipe"]), config["data_dir"]
    )
    if arguments.latency:
        show_latency(model, test)
    else:
        show_curve(model, test, config["recipe"], arguments.picture)
