"""Jobs of the command line that are more than one call."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_attention import export, models, training
from keras_attention.training import plots, recipes
from keras_attention.training.run_folder import load_model

# How many test images an export is checked on.
NUM_EXAMPLES = 200


def export_run(
    run: Path,
    out: Path,
    data_dir: str | None = None,
    threshold: float | None = None,
) -> dict:
    """Exports the trained model of a run; returns its model card.

    Args:
        run: Its folder.
        out: As of `export.export_model`.
        data_dir: Folder of TFDS, if it has moved.
        threshold: Of `models.until_sure`; None takes all glimpses.
    """
    folder = training.RunFolder(run)
    model = folder.model()
    if threshold is not None:
        model = models.until_sure(model, threshold)
    config = folder.config()
    recipe = recipes.get(config["recipe"])
    test = training.load_test_set(recipe, data_dir or config["data_dir"])
    return export.export_model(
        model,
        out,
        examples=test.images[:NUM_EXAMPLES],
        labels=[str(digit) for digit in range(10)],
        metadata={
            "recipe": recipe.name,
            "summary": recipe.summary,
            "seed": config["seed"],
            "threshold": threshold,
            "results": folder.results(),
            "glimpse": plots.glimpse_geometry(model),
        },
    )


def diagnose_file(
    file: Path,
    out: Path | None = None,
    recipe: str | None = None,
    num_averaged: int = 0,
    data_dir: str | None = None,
) -> training.Diagnosis:
    """Diagnoses a run, or a .keras file, on the test set of a recipe.

    Args:
        file: Folder of a finished run, or a .keras file.
        out: Folder for the diagnosis and its page, if any.
        recipe: Name of the recipe whose test set it is; of a run by default
            its own.
        num_averaged: As of `diagnose`.
        data_dir: Folder of TFDS, if it has moved.
    """
    if file.suffix == ".keras":
        if recipe is None:
            raise ValueError(
                f"{file} does not say what it is to be tested on: give the "
                f"recipe, `--recipe` one of {', '.join(recipes.names())}."
            )
        model = load_model(file)
    else:
        run = training.RunFolder(file)
        config = run.config()
        recipe = recipe or config["recipe"]
        data_dir = data_dir or config["data_dir"]
        model = run.model()
    test = training.load_test_set(recipes.get(recipe), data_dir)
    diagnosis = training.diagnose(model, test, num_averaged=num_averaged)
    if out is not None:
        training.write_diagnosis(diagnosis, out)
    return diagnosis


def predict_files(
    exported: Path, files: Sequence[Path], picture: Path | None = None
) -> list[dict]:
    """Reads image files with an exported model.

    Args:
        exported: What `export.load_exported` takes.
        files: PNG or JPEG files.
        picture: PNG file to write, if any.

    Returns:
        For each file its class, the probability, and where the model looked.
    """
    model = export.load_exported(exported)
    images = np.stack(
        [export.read_image(file, model.input_shape) for file in files]
    )
    outputs = model.predict(images)
    predictions, stops = [], "num_glimpses" in outputs
    for i, file in enumerate(files):
        index = int(outputs["class"][i])
        # Where it stopped early the last place is repeated.
        taken = outputs["num_glimpses"][i] if stops else None
        predictions.append(
            {
                "image": str(file),
                "class": index,
                "label": model.labels[index] if model.labels else str(index),
                "probability": float(outputs["probabilities"][i, index]),
                "location": outputs["location"][i, :taken].tolist(),
            }
        )
    if picture:
        figure = _figure(model, images, outputs["location"], predictions)
        write_whole(picture, plots.png(figure))
    return predictions


def _figure(
    model: export.ExportedModel,
    images: np.ndarray,
    locations: np.ndarray,
    predictions: list[dict],
) -> Any:
    """The matplotlib figure of where an exported model looked."""
    geometry = (model.card or {}).get("metadata", {}).get("glimpse")
    if not geometry:
        raise ValueError(
            "`--picture` needs the model card beside the model, which tells "
            f"the size of a glimpse. Received: {model.path}"
        )
    titles = [
        f"{Path(answer['image']).name}: {answer['label']} "
        f"({answer['probability']:.0%})"
        for answer in predictions
    ]
    return plots.glimpse_paths(images, locations, titles=titles, **geometry)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file beside its place, then puts it there."""
    unfinished = path.with_name(f"unfinished-{path.name}")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)
