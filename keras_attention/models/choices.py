"""What the attention layers of a model chose in one call of it.

It travels with the outputs of that call, as Keras's masks do: no state of the
model is shared between replicas.
"""

import dataclasses
from typing import Any

import keras

from keras_attention.policies import rollouts

CHOSEN = {"log_prob", "entropy"}  # what says that a layer chose something


@dataclasses.dataclass(frozen=True)
class Choices:
    """What was chosen, by layer.

    Attributes:
        layers: the name of a layer to what it attended to: a dict of (B, T,
            ...) tensors with the `query`, and the `log_prob` where it learns
            from a reward, and the `entropy`. A layer outside a loop chooses
            once: T is 1.
        num_samples: number K of rollouts of each input; B counts them.
        weights: (B,), of mean 1 for each input, or None: how much each
            rollout counts.
    """

    layers: dict = dataclasses.field(default_factory=dict)
    num_samples: int = 1
    weights: Any = None

    @property
    def rewarded(self):
        """The layers that learn from a reward."""
        return {
            name: values
            for name, values in self.layers.items()
            if "log_prob" in values
        }

    def repeated(self, values):
        """Targets or weights of the inputs, a row for each rollout."""
        return keras.tree.map_structure(
            lambda value: rollouts.repeat(value, self.num_samples), values
        )

    def weighted(self, sample_weight):
        """Weights of examples, (B, ...) or None, times those of rollouts."""
        if self.weights is None:
            return sample_weight
        if sample_weight is None:  # Keras weighs steps by columns only
            return self.weights[:, None]
        return keras.tree.map_structure(self._weigh, sample_weight)

    def _weigh(self, value):
        ones = (1,) * (len(value.shape) - 1)
        weights = keras.ops.reshape(self.weights, (-1, *ones))
        return value * keras.ops.cast(weights, value.dtype)


def choices_in(attention, num_samples=1):
    """Of what was attended to, that which was chosen, over time.

    Args:
        attention: what `record_attention` collected.
        num_samples: K.

    Returns:
        `Choices`.
    """
    chosen = {
        name: _over_time(values)
        for name, values in attention.items()
        if not CHOSEN.isdisjoint(values)
    }
    return Choices(chosen, num_samples)


def keep(choices, outputs):
    """Keeps choices on the outputs of the call that made them."""
    keras.tree.flatten(outputs)[0]._keras_attention = choices


def choices_of(outputs):
    """The choices kept on outputs; none where none were."""
    first = keras.tree.flatten(outputs)[0]
    return getattr(first, "_keras_attention", None) or Choices()


def _over_time(values):
    name = min(CHOSEN.intersection(values))
    if "num_glimpses" in values:  # of `UntilSure`: the rest was not chosen
        steps = keras.ops.arange(values[name].shape[1], dtype="int32")
        return {**values, "mask": steps < values["num_glimpses"][:, None]}
    if len(values[name].shape) == 2:
        return values
    return {name: value[:, None] for name, value in values.items()}
