"""The hard attention in a model: which layers choose, and what drives them."""

import dataclasses

from keras_attention.layers.attention_cell import AttentionCell
from keras_attention.layers.item_wise_hard_attention import (
    ItemWiseHardAttention,
)
from keras_attention.layers.location_wise_hard_attention import (
    LocationWiseHardAttention,
)
from keras_attention.layers.mechanism import Mechanism
from keras_attention.layers.recurrent_attention import RecurrentAttention
from keras_attention.models.attention_layers import attention_layers, layers_of


@dataclasses.dataclass(frozen=True)
class HardAttention:
    """A mechanism that chooses.

    Attributes:
        mechanism: `ItemWiseHardAttention` or `LocationWiseHardAttention`.
        cell: the `AttentionCell` around it, or None outside a loop.
    """

    mechanism: Mechanism
    cell: AttentionCell | None = None


def hard_attention(model):
    """The hard attention of a model, however deep inside other layers.

    Args:
        model: any `keras.Model`.

    Returns:
        Dict of the names of loops and mechanisms to `HardAttention`.

    Raises:
        ValueError: if two of them have one name: by it they are told apart.
    """
    found, parts = {}, list(model._flatten_layers())
    held = {  # what a loop calls: no one asks for it by name
        id(layer.cell.mechanism)
        for layer in parts
        if isinstance(layer, RecurrentAttention)
    }
    for layer in parts:
        cell = layer.cell if isinstance(layer, RecurrentAttention) else None
        mechanism = layer if cell is None else cell.mechanism
        if not isinstance(
            mechanism, (ItemWiseHardAttention, LocationWiseHardAttention)
        ):
            continue
        one = found.setdefault(layer.name, HardAttention(mechanism, cell))
        alone = cell is None and id(layer) in held
        if one.mechanism is not mechanism and not alone:
            raise ValueError(
                "Two different hard attention layers of a model must not have "
                "the same name: give each a `name` of its own. "
                f"Received: name={layer.name!r} twice"
            )
    return found


def called(model, names):
    """The hard attention that calls were recorded of.

    Args:
        model: any `keras.Model`.
        names: what `record_attention` calls them.

    Returns:
        Dict of the names to `HardAttention`, or None for what is none.

    Raises:
        ValueError: if a name could be that of either of two layers.
    """
    layers = layers_of(attention_layers(model), names)
    found = hard_attention(model)
    return {
        name: layer and found.get(layer.name) for name, layer in layers.items()
    }
