"""What an exported model looked at, from its answers and its model card."""

import numpy as np

from keras_attention.models.attention_layers import with_axes

from .looked import KEPT, Looked


def looked_of(
    about: dict, outputs: dict[str, np.ndarray], image_shape: tuple[int, int]
) -> Looked:
    """What the answers of an exported model say that it looked at.

    Args:
        about: `attention` of its model card.
        outputs: What its signature `explain` answered, or `serving_default`,
            which does not tell the probabilities after each step.
        image_shape: (height, width) of the images.

    Returns:
        A `Looked`; of items it is not known where they lie.
    """
    geometry = dict(about["geometry"])
    attention = {
        name: outputs[about["prefix"] + name]
        for name in KEPT
        if about["prefix"] + name in outputs
    }
    attention = with_axes(
        not about["in_loop"], geometry.get("num_transforms"), attention
    )
    if about["kind"] == "mask":
        geometry["map_shape"] = attention["attention_weights"].shape[2:]
    if about["kind"] == "items":
        geometry["item_grid"] = None
    # Their softmax are the probabilities, which may be 0.
    probabilities = outputs.get("step_probabilities", outputs["probabilities"])
    scores = np.log(np.maximum(probabilities, np.finfo("float32").tiny))
    return Looked(
        about["kind"],
        about["layer"],
        tuple(image_shape),
        scores,
        attention,
        geometry,
    )
