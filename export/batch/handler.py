"""Apache Beam's RunInference on an exported SavedModel."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from apache_beam.ml.inference import base

from ..answers import answers
from ..predict import ExportedModel, load_exported_saved_model

BATCH_SIZE = 64


class SavedModelHandler(base.ModelHandler[np.ndarray, dict, ExportedModel]):
    """Tells RunInference how to load a SavedModel and what to ask it.

    Images (H, W, C), float32 in [0, 1], become the answers of
    `export.answers`. Each worker process loads the model once.

    Example:
        predictions = images | RunInference(
            KeyedModelHandler(SavedModelHandler("exported/saved_model/1"))
        )
    """

    def __init__(self, path: str, labels: Sequence[str] | None = None):
        """Keeps what a worker needs to load the model.

        Args:
            path: export folder, whose newest SavedModel is taken, or the
                folder of a SavedModel; each worker must be able to read it.
            labels: names of the classes; by default their numbers.
        """
        super().__init__(min_batch_size=BATCH_SIZE, max_batch_size=BATCH_SIZE)
        self._path, self._labels = path, labels

    def load_model(self) -> ExportedModel:
        """Loads the SavedModel."""
        return load_exported_saved_model(self._path)

    def run_inference(
        self,
        batch: Sequence[np.ndarray],
        model: ExportedModel,
        inference_args: dict[str, Any] | None = None,
    ) -> Iterable[dict[str, Any]]:
        """Classifies a batch of images."""
        return answers(model.predict(np.stack(batch)), self._labels)

    def get_num_bytes(self, batch: Sequence[np.ndarray]) -> int:
        """Bytes of a batch, for Beam's metrics."""
        return sum(image.nbytes for image in batch)

    def get_metrics_namespace(self) -> str:
        """Where Beam's metrics of this model are found."""
        return "keras_attention"
