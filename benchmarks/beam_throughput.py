"""Compares `predict --beam` with a plain loop over batches.

Run `python benchmarks/beam_throughput.py`. Both read the same PNG files (the
cluttered 60x60 canvases of scikit-learn's digits), decode them with
`export.read_image`, classify them with the same SavedModel (the network of the
recipe `ram_cluttered60`) in batches of 64, and write the same JSON lines. The
plain loop is one process, in which TensorFlow uses all cores; with Beam it is
the DirectRunner and two worker processes.

Each run is a process of its own, timed as a whole: few images, then many. The
throughput is that of the images that were more, so that what a run costs to
start (imports, loading the model; with Beam three times, in three processes)
is not in it; it is printed beside. The ratios are those of each round.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

from keras_attention import export, training
from keras_attention.training import recipes

RECIPE = "ram_cluttered60"
KINDS = ("plain", "beam")
BATCH_SIZE = 64


def write_images(folder, count):
    """Writes PNG files of canvases; returns their paths."""
    digits = training.load_digits("digits")["test"]
    canvas, paths = recipes.get(RECIPE).canvas, []
    for seed in range(count):
        for image in training.fixed_set(digits, canvas, seed).images:
            paths.append(str(folder / f"{len(paths):06d}.png"))
            Image.fromarray(image[..., 0]).save(paths[-1])
            if len(paths) == count:
                return paths
    return paths


def read_plainly(saved_model, paths, out):
    """Reads, classifies and writes, batch after batch."""
    model = export.load_exported_saved_model(saved_model)
    out.mkdir()
    with open(out / "predictions.jsonl", "w") as lines:
        for start in range(0, len(paths), BATCH_SIZE):
            batch = paths[start : start + BATCH_SIZE]
            images = [export.read_image(p, model.input_shape) for p in batch]
            found = export.answers(model.predict(np.stack(images)))
            for path, answer in zip(batch, found, strict=True):
                lines.write(json.dumps({"image": path, **answer}) + "\n")


def run_one(kind, saved_model, listed, out):
    if kind == "plain":
        read_plainly(saved_model, listed.read_text().splitlines(), out)
        return
    from keras_attention.export import batch

    batch.predict_images(saved_model, [f"@{listed}"], out, num_workers=2)


def cost(kind, saved_model, listed):
    """Seconds, and CPU-seconds, of one run in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [kind, saved_model, listed, pathlib.Path(folder, "out")]
        command = [sys.executable, __file__, "--run", *map(str, arguments)]
        before = os.times()
        subprocess.run(command, stderr=subprocess.DEVNULL, check=True)
        after = os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])  # of child processes
    return np.array([after.elapsed - before.elapsed, cpu])


def compare(rounds, few, many):
    """Times all runs, in turns; prints what came out."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = recipes.get(RECIPE).network()
        saved = export.export_saved_model(model, folder / "model")
        paths = write_images(folder, many)
        for count in (few, many):
            (folder / f"{count}.txt").write_text("\n".join(paths[:count]))
        costs = [
            {
                (kind, count): cost(kind, saved, folder / f"{count}.txt")
                for count in (few, many)
                for kind in KINDS
            }
            for _ in range(rounds)
        ]
    for kind in KINDS:
        rates = [(many - few) / (c[kind, many] - c[kind, few]) for c in costs]
        wall, cpu = np.median(rates, axis=0)
        whole = np.median([c[kind, many] for c in costs], axis=0)
        print(
            f"{kind}: {wall:,.0f} images a second, {cpu:,.0f} a CPU-second; "
            f"with the start {whole[0]:.1f} s, {whole[1]:.1f} CPU-seconds for "
            f"{many:,} images"
        )
    show_ratios(
        "throughput",
        [
            (c["plain", many] - c["plain", few])
            / (c["beam", many] - c["beam", few])
            for c in costs
        ],
    )
    show_ratios(
        f"whole runs of {many:,} images, with the start",
        [c["plain", many] / c["beam", many] for c in costs],
    )


def show_ratios(what, ratios):
    wall, cpu = np.transpose(ratios)
    print(
        f"Beam to plain, {what}: {np.median(wall):.2f} "
        f"({wall.min():.2f} to {wall.max():.2f}); by CPU time "
        f"{np.median(cpu):.2f} ({cpu.min():.2f} to {cpu.max():.2f}); medians "
        f"of {len(ratios)} rounds"
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.run:
        kind, saved_model, listed, out = options.run
        run_one(kind, saved_model, pathlib.Path(listed), pathlib.Path(out))
    else:
        compare(options.rounds, options.few, options.many)


if __name__ == "__main__":
    main()
