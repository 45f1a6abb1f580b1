"""How often a classifier is right."""

import contextlib

import keras
import numpy as np

import keras_attention

from .canvases import CanvasSet


def evaluate(
    model: keras.Model,
    canvases: CanvasSet,
    policy: str | None = None,
    batch_size: int = 1000,
) -> dict:
    """Evaluates a classifier on a set of canvases.

    Args:
        model: From images to scores of classes.
        canvases: What to test it on.
        policy: Where to look instead of where it learned to, see
            `keras_attention.policy`.
        batch_size: Images at a time.

    Returns:
        Dict of `accuracy`, `error_percent` and `num_images`.

    Raises:
        ValueError: If the set is empty or the policy unknown.
    """
    num_images = len(canvases.labels)
    if num_images == 0:
        raise ValueError("`canvases` holds no image to evaluate on.")
    scope = (
        keras_attention.policy(policy) if policy else contextlib.nullcontext()
    )
    with scope:
        scores = model.predict(
            canvases.images, batch_size=batch_size, verbose=0
        )
    correct = int(np.sum(np.argmax(scores, axis=-1) == canvases.labels))
    return {
        "accuracy": correct / num_images,
        "error_percent": round(100 * (1 - correct / num_images), 3),
        "num_images": num_images,
    }
