"""The same trained model, looking elsewhere than it learned to.

Hard attention is told where to look by `keras_attention.policy`. The weights
of soft attention, and the theta of a transformer, are replaced by others of
the same kind:

    soft mask, items   evenly over the cells of the object; of the same box
                       moved to the centre, or to a random place
    transformer        the crop of the last step, as large and as turned as it
                       was, moved to the object, to the centre, or to a random
                       place

Glimpses are shown several objects one after the other, in the order of their
boxes, each for as many steps as can be (as in Ba et al. 2015).
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_attention

from .coverage import Objects
from .looking import Looked, floating, look
from .pixels import to_pixels, to_places
from .views import in_turn

# Where a model looks instead of where it learned to: where what matters is.
ORACLE = "oracle"


def look_elsewhere(
    model: keras.Model,
    images: np.ndarray,
    learned: Looked,
    objects: Sequence[Objects] | None,
    generator: np.random.Generator,
    looking: dict[str, Any],
) -> dict[str, Looked]:
    """Runs a model under every policy that its kind of attention has.

    Args:
        model: The model.
        images: (N, H, W, C).
        learned: What it looked at as it learned to.
        objects: What matters: one, or of glimpses several; None where that is
            not known.
        generator: Decides random places.
        looking: Further arguments of `look`.

    Returns:
        Dict of `learned`, `sampled` (hard attention), `random`, `center` and,
        where there are objects, `oracle`.
    """
    found = {"learned": learned}
    looking = {**looking, "layer": learned.layer}
    if is_hard(learned):
        for name, policy in (
            ("sampled", "sample"),
            ("random", "random"),
            ("center", "center"),
        ):
            with keras_attention.policy(policy):
                found[name] = look(model, images, **looking)
    elif learned.kind != "transformer" and objects is None:
        return found
    for name in ("random", "center", ORACLE):
        if name in found or (name == ORACLE and objects is None):
            continue
        forced = _forced(name, learned, objects, generator)
        if forced is None:
            continue
        with keras_attention.policy("mode"):
            found[name] = look(model, images, forced=forced, **looking)
    return found


def is_hard(looked: Looked) -> bool:
    """Whether the attention chooses, and so can sample."""
    return looked.kind == "glimpses" or "indices" in looked.attention


def averaged_scores(
    model: keras.Model, images: np.ndarray, num_samples: int, batch_size: int
) -> np.ndarray:
    """Probabilities of classes, averaged over samples of hard attention.

    Returns:
        (N, K).
    """

    @tf.function(autograph=False, reduce_retracing=True)
    def run(batch: tf.Tensor) -> tf.Tensor:
        batch = floating(batch)
        with keras_attention.policy("sample"):
            scores = model(tf.repeat(batch, num_samples, 0), training=False)
        scores = probabilities(
            scores if scores.shape.rank == 2 else scores[:, -1]
        )
        shape = (-1, num_samples, scores.shape[-1])
        return tf.reduce_mean(tf.reshape(scores, shape), axis=1)

    size = max(batch_size // num_samples, 1)
    return np.concatenate(
        [
            run(tf.convert_to_tensor(images[start : start + size])).numpy()
            for start in range(0, len(images), size)
        ]
    )


def probabilities(scores: tf.Tensor) -> tf.Tensor:
    """Scores as probabilities: as they are, or their softmax.

    They are probabilities if all are positive and every row sums to 1.
    """
    scores = tf.cast(scores, "float32")
    sums = tf.reduce_sum(scores, axis=-1)
    are_probabilities = (tf.reduce_min(scores) >= 0) & (
        tf.reduce_max(tf.abs(sums - 1)) < 1e-3
    )
    return tf.where(are_probabilities, scores, tf.nn.softmax(scores))


def _forced(
    name: str,
    looked: Looked,
    objects: Sequence[Objects] | None,
    generator: np.random.Generator,
) -> dict[str, np.ndarray] | None:
    """What `look(forced=...)` takes; None where it cannot be forced."""
    if looked.kind == "glimpses":
        steps = range(looked.num_steps)
        places = [_on_map(one.centres, looked) for one in objects]
        in_order = [places[t * len(places) // len(steps)] for t in steps]
        return {"location": np.stack(in_order, axis=1)}
    single = objects and objects[0]  # several are shown to glimpses alone
    if looked.kind == "transformer":
        return {
            "theta": _theta(looked, _places(name, looked, single, generator))
        }
    if looked.kind == "items" and looked.geometry["item_grid"] is None:
        return None
    rows, columns = looked.masks().shape[2:]
    if "indices" in looked.attention:
        return {"indices": _best_items(looked, single.on_cells(rows, columns))}
    if name != ORACLE:
        single = _moved(single, _places(name, looked, single, generator))
    cells = single.on_cells(rows, columns)
    weights = cells / cells.sum(axis=(1, 2), keepdims=True)
    if looked.kind == "items":
        weights = weights.reshape(len(weights), -1)
    return {"attention_weights": weights.astype("float32")}


def _on_map(centres: np.ndarray, looked: Looked) -> np.ndarray:
    """Locations on what the sensor reads, of locations on the image."""
    cells = np.array(looked.geometry["map_shape"][::-1])
    ratio = np.array(looked.image_shape[::-1]) / cells
    # The inverse of `regions.glimpse_squares`.
    x = (to_pixels(centres, looked.image_shape) + 0.5) / ratio - 0.5
    location = to_places(x, looked.geometry["map_shape"])
    return np.clip(location, -1, 1).astype("float32")


def _places(
    name: str,
    looked: Looked,
    objects: Objects | None,
    generator: np.random.Generator,
) -> np.ndarray:
    """Locations (N, 2) in [-1, 1]."""
    shape = (len(looked.scores), 2)
    if name == ORACLE:
        return objects.centres
    if name == "center":
        return np.zeros(shape)
    return generator.uniform(-1, 1, shape)


def _theta(looked: Looked, places: np.ndarray) -> np.ndarray:
    """The last theta of each image, with its crops moved: (N, n, ...)."""
    theta = looked.attention["theta"][:, -1].astype("float64")
    centre = looked.attention["location"][:, -1]  # (N, n, 2)
    if not looked.geometry["align_corners"]:
        sides = np.array(looked.image_shape[::-1])
        places = places * (sides - 1) / sides
    move = places[:, None] - centre
    if looked.geometry["transform"] == "thin_plate_spline":
        theta = theta + move[:, :, None]
    else:  # moves (x, y, w) by w times as much; w is 1 but in a perspective
        last = [[[0.0, 0.0, 1.0]]]
        w = theta[:, :, 2:] if theta.shape[2] == 3 else np.array([last])
        theta[:, :, :2] += move[..., None] * w
    return theta.astype("float32")


def _best_items(looked: Looked, cells: np.ndarray) -> np.ndarray:
    """The items that show most of each object: (N, T, k).

    The same at every step; in a loop that takes no item twice, the next best.
    """
    _, num_steps, k = looked.attention["indices"].shape
    order = np.argsort(-cells.reshape(len(cells), -1), axis=1, kind="stable")
    if looked.geometry["never_twice"]:
        # Once all are taken any will do: the loop takes none again.
        return np.maximum(in_turn(order, num_steps, k), 0)
    return np.repeat(order[:, None, :k], num_steps, axis=1).astype("int32")


def _moved(objects: Objects, places: np.ndarray) -> Objects:
    """Boxes of the same size, inside the image, as near to places as can be."""
    height, width = objects.image_shape
    half = objects.sizes / 2
    sides = np.array([width, height])
    middle = to_pixels(places, objects.image_shape)
    middle = np.clip(middle, half - 0.5, sides - 0.5 - half)
    boxes = np.concatenate([middle - half, middle + half], axis=1)
    return Objects(boxes, None, objects.image_shape)
