"""Jobs of the command line that are more than one call."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_attention import export, models, training
from keras_attention.export.inputs import checked_spec
from keras_attention.training import plots
from keras_attention_cli.sources import load_examples, load_source


def export_source(
    source: Path,
    out: Path,
    examples: Path | None = None,
    recipe: str | None = None,
    data_dir: str | None = None,
    threshold: float | None = None,
    shape: str | None = None,
    dtype: str = "float32",
    **options: Any,
) -> dict:
    """Exports a trained model; returns its model card.

    Args:
        source: Folder of a finished run, name of a preset, or a .keras file.
        out: As of `export.export_model`.
        examples: .npz file with `images`, and their `classes` if they are
            known, to compare on; by default the test set of the recipe.
        recipe: Name of the recipe whose test set it is; of a run by default
            its own.
        data_dir: Folder of TFDS, if it has moved.
        threshold: Of `models.until_sure`; None takes all glimpses.
        shape: Of the images that the files take, such as "1,28,28,1", with
            "?" for a free side; by default any number of the model's size.
        dtype: Of these images.
        **options: Of `export.export_model`.
    """
    found = load_source(source, recipe, data_dir)
    model = found.model
    if threshold is not None:
        model = models.until_sure(model, threshold)
    if examples is None:
        test = found.test_set()
        compared = (test.images, test.labels)
    else:
        compared = load_examples(examples)
    return export.export_model(
        model,
        out,
        examples=compared,
        labels=found.class_names,
        image_spec=_image_spec(model, shape, dtype),
        metadata={
            **found.facts,
            "threshold": threshold,
        },
        **options,
    )


def _image_spec(
    model: keras.Model, shape: str | None, dtype: str
) -> tf.TensorSpec:
    """The spec that "B,H,W,C" says, "?" being a free side."""
    if shape is None:
        return tf.TensorSpec(checked_spec(model).shape, dtype)
    try:
        sides = [
            None if side.strip() == "?" else int(side)
            for side in shape.split(",")
        ]
    except ValueError as error:
        raise ValueError(
            "`--shape` must be four numbers with commas between, ? for a free "
            f"side, such as ?,28,28,1. Received: {shape!r}"
        ) from error
    return tf.TensorSpec(sides, dtype)


def evaluate_presets(cards: dict[str, dict], data_dir: str | None) -> dict:
    """Tests presets against their cards.

    Args:
        cards: Their cards, by name.
        data_dir: Folder of TFDS, if it has moved.

    Returns:
        The cards, each with its error `here` in percent.

    Raises:
        ValueError: If one is not that of the card to the second decimal.
    """
    tested = {}
    for name, card in cards.items():
        figures = training.evaluate_run(name, data_dir=data_dir, verbose=0)
        here, expected = figures["error_percent"], card["results"]
        if round(here, 2) != round(expected["error_percent"], 2):
            raise ValueError(
                f"The preset {name!r} makes {here} % errors here, its card "
                f"tells of {expected['error_percent']} %."
            )
        tested[name] = {**card, "here": here}
    return tested


def diagnose_file(
    file: Path,
    out: Path | None = None,
    recipe: str | None = None,
    num_averaged: int = 0,
    data_dir: str | None = None,
) -> training.Diagnosis:
    """Diagnoses a run, a preset or a .keras file on the test set of a recipe.

    Args:
        file: Folder of a finished run, name of a preset, or a .keras file.
        out: Folder for the diagnosis and its page, if any.
        recipe: Name of the recipe whose test set it is; by default its own,
            which a .keras file does not tell.
        num_averaged: As of `diagnose`.
        data_dir: Folder of TFDS, if it has moved.
    """
    found = load_source(file, recipe, data_dir)
    test = found.test_set()
    diagnosis = training.diagnose(
        found.model,
        test,
        num_averaged=num_averaged,
        class_names=found.class_names,
        item_grid=found.item_grid,
    )
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
    explains = picture and "explain" in model.signatures
    outputs = (model.explain if explains else model.predict)(images)
    predictions = [
        {"image": str(file), **answer}
        for file, answer in zip(
            files, export.answers(outputs, model.labels), strict=True
        )
    ]
    if picture:
        figure = _figure(model, images, outputs, predictions)
        write_whole(picture, plots.png(figure))
    return predictions


def _figure(
    model: export.ExportedModel,
    images: np.ndarray,
    outputs: dict[str, np.ndarray],
    predictions: list[dict],
) -> Any:
    """The matplotlib figure of where an exported model looked."""
    about = (model.card or {}).get("attention")
    if about is None:
        raise ValueError(
            "`--picture` needs a model that attends, and its model card, which "
            "tells how: give the folder of the export instead of a file. "
            f"Received: {model.path}"
        )
    looked = training.looked_of(about, outputs, images.shape[1:3])
    titles = [
        f"{Path(answer['image']).name}: {answer['label']} "
        f"({answer['probability']:.0%})"
        for answer in predictions
    ]
    return plots.draw(looked, images, titles=titles, class_names=model.labels)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file beside its place, then puts it there."""
    unfinished = path.with_name(f"unfinished-{path.name}")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)
