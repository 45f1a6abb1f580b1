"""The demo: trains, tests, exports, predicts and shows, with no network."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from keras_attention import export, training
from keras_attention.training import plots, recipes
from keras_attention.training.page import page
from keras_attention_cli.jobs import export_source, write_whole
from keras_attention_cli.training_commands import check_same_run

RECIPE = "ram_digits"
NUM_PICTURES = 6


def run_demo(
    out: Path,
    seed: int | None = None,
    formats: Sequence[str] = (),
    report: Callable[[str], None] = print,
) -> dict:
    """Runs the demo; continues one that was stopped.

    Args:
        out: Folder for the run, the exported files and the page.
        seed: Seed of the training; by default that of the one that was
            stopped, or 0.
        formats: As of `export.export_model`.
        report: Is told what is done next.

    Returns:
        The figures and the files it made.
    """
    start = time.perf_counter()
    run = out / "run"
    begun = (run / "config.json").exists()
    if begun:
        check_same_run(run, {"seed": seed})
    report("Training a glimpse model on cluttered handwritten digits")
    if begun:
        results = training.resume(run, RECIPE)
    else:
        results = training.train(RECIPE, run, seed=seed or 0)
    report("Testing it at random places")
    elsewhere = training.evaluate_run(run, "random")
    report("Exporting, and checking both files against Keras")
    card = export_source(run, out / "exported", formats=formats)

    report("Reading the test set from the TFLite file, drawing the page")
    test = training.load_test_set(recipes.get(RECIPE))
    reader = export.load_exported(out / "exported")
    outputs = reader.predict(test.images)
    figures = {
        "accuracy": results["accuracy"],
        "accuracy_random_locations": elsewhere["accuracy"],
        "accuracy_tflite": float(np.mean(outputs["class"] == test.labels)),
        "largest_difference": card["parity"]["largest_difference"],
        "saved_model": str(out / "exported" / "saved_model"),
        "tflite": str(out / "exported" / "model.tflite"),
        "page": str(out / "index.html"),
        "training_seconds": results["training_seconds"],
        "seconds": 0.0,
    }
    text = _page(test, outputs["class"], figures, reader)
    write_whole(out / "index.html", text.encode())
    figures["seconds"] = round(time.perf_counter() - start, 1)
    return figures


def _page(
    test: training.CanvasSet,
    classes: np.ndarray,
    figures: dict,
    reader: export.ExportedModel,
) -> str:
    wrong = np.flatnonzero(classes != test.labels)
    right = np.flatnonzero(classes == test.labels)
    pictures = [
        (caption, _picture(test, indices[:NUM_PICTURES], reader))
        for caption, indices in (
            ("Read correctly (the first of the test set)", right),
            ("Read wrongly (the first of the test set)", wrong),
        )
        if len(indices)
    ]
    return page(
        "Where the model looked",
        "A recurrent glimpse model reads handwritten digits on cluttered "
        "canvases. It never sees a whole image: it chooses where to look, six "
        "times, and reads what the squares show. All answers on this page "
        "come from the exported TFLite file.",
        {
            "Right, looking where it learned to": f"{figures['accuracy']:.1%}",
            "Right, looking at random places": (
                f"{figures['accuracy_random_locations']:.1%}"
            ),
            "Right, from the TFLite file": f"{figures['accuracy_tflite']:.1%}",
            "Greatest difference between Keras and the exported files": (
                f"{figures['largest_difference']:.1e}"
            ),
        },
        pictures,
    )


def _picture(
    test: training.CanvasSet, indices: np.ndarray, reader: export.ExportedModel
) -> bytes:
    images = test.images[indices]
    outputs = reader.explain(images)
    titles = [
        f"a {label}, read as {read} ({of_classes.max():.0%})"
        for label, read, of_classes in zip(
            test.labels[indices],
            outputs["class"],
            outputs["probabilities"],
            strict=True,
        )
    ]
    about = reader.card["attention"]
    looked = training.looked_of(about, outputs, images.shape[1:3])
    return plots.png(plots.draw(looked, images, titles=titles))
