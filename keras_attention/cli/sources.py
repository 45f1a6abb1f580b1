"""What a command is given: a run folder, a preset, or a .keras file."""

import dataclasses
import zipfile
import zlib
from pathlib import Path

import keras
import numpy as np

from keras_attention import training
from keras_attention.training import recipes
from keras_attention.training.run_folder import load_model


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A trained model, and what is known about it.

    Attributes:
        model: The model.
        recipe: Name of the recipe whose test set is its own, or None.
        data_dir: Folder of TFDS, or None.
        facts: What a model card says of it.
    """

    model: keras.Model
    recipe: str | None
    data_dir: str | None
    facts: dict

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Of its classes; None where no recipe is known."""
        if self.recipe is None:
            return None
        return recipes.get(self.recipe).canvas.class_names

    @property
    def item_grid(self) -> tuple[int, int] | None:
        """How its items lie in the image; None where no recipe tells."""
        if self.recipe is None:
            return None
        return recipes.get(self.recipe).item_grid

    def test_set(self) -> training.CanvasSet:
        """The test set of its recipe.

        Raises:
            ValueError: If no recipe is known.
        """
        if self.recipe is None:
            raise ValueError(
                "A .keras file does not say what it is to be tested on: give "
                f"the recipe, `--recipe` one of {', '.join(recipes.names())}."
            )
        return training.load_test_set(recipes.get(self.recipe), self.data_dir)


def load_source(
    path: Path, recipe: str | None = None, data_dir: str | None = None
) -> Source:
    """Loads the trained model of a run, a preset, or a .keras file.

    Args:
        path: Folder of a finished run, name of a preset, or a .keras file.
        recipe: Name of the recipe whose test set to use instead of its own.
        data_dir: Folder of TFDS, if it has moved.

    Raises:
        ValueError: If it is none of these, damaged, or the recipe is unknown;
            if it is a run that did not learn where to look.
    """
    if path.suffix == ".keras":
        return Source(load_model(path), recipe, data_dir, {"file": path.name})
    trained = training.load_trained(path)
    if trained.policy is not None:
        raise ValueError(
            f"The run {str(path)!r} was trained with `--policy "
            f"{trained.policy}`: it has not learned where to look. `evaluate` "
            "tells its error."
        )
    return Source(
        trained.model,
        recipe or trained.recipe.name,
        data_dir or trained.data_dir,
        trained.facts,
    )


def load_examples(file: Path) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Reads the images, and their classes if they are there, of an .npz file.

    Raises:
        ValueError: If it is no such file, or damaged.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        images = found["images"]
    except (
        *(OSError, EOFError, ValueError, KeyError),
        *(TypeError, zipfile.BadZipFile, zlib.error),
    ) as error:
        raise ValueError(
            "The examples must be an .npz file with the array `images` (N, "
            "height, width, channels), and if they are known `classes` (N,). "
            f"Received: {str(file)!r}; {error}"
        ) from error
    return (images, found["classes"]) if "classes" in found else images
