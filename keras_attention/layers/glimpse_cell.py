"""The recurrent glimpse cell: choose a place, look there, remember."""

import keras
import tensorflow as tf
from keras import tree

from keras_attention.layers.gaussian_location_policy import (
    GaussianLocationPolicy,
)
from keras_attention.layers.glimpse_network import GlimpseNetwork
from keras_attention.layers.glimpse_sensor import GlimpseSensor


@keras.saving.register_keras_serializable("keras_attention")
class GlimpseCell(keras.layers.Layer):
    """One step of a recurrent model that looks at images through glimpses.

    With the state h of the core (Mnih et al. 2014, section 3.1):

        location_mean = location_network(h[t-1])
        location      = location_policy(location_mean)       (sampled)
        glimpse       = glimpse_sensor(images, location)
        g[t]          = glimpse_network(glimpse, location)
        o[t], h[t]    = core(g[t], h[t-1])

    The place is chosen at the start of the step that looks there, so every
    location that is sampled is used, and the first one is learned too: it is
    what the location network makes of the initial state. No gradient of the
    location network enters the core: it learns from the reward alone.

    Every part can be replaced by a layer of your own.

    Args:
        glimpse_sensor: layer `(images, location) -> glimpse`; or the size of
            the crops of a `GlimpseSensor` with one scale.
        core: any Keras RNN cell; by default the paper's,
            `SimpleRNNCell(256, "relu")`.
        glimpse_network: layer `(glimpse, location) -> (B, G)`; by default a
            `GlimpseNetwork`.
        location_network: layer `(B, Q) -> (B, 2)`; by default
            `Dense(2, "tanh")`.
        location_policy: layer as `GaussianLocationPolicy`, the default.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        images: (B, H, W, C), or what `prepare(images)` made of them.
        states: list of the states of the core.
        choices: dict of what decides the sample at this step, one step of
            what `choices(...)` gave; drawn inside where it is missing.
        return_attention: whether to return what was looked at as well.

    Output:
        `(output, states)`, as a Keras RNN cell, or with
        `return_attention=True` `(output, states, attention)` with a dict of
        `location` (B, 2), `location_mean` (B, 2), `log_prob` (B,), `entropy`
        (B,), and the `query` (B, Q) that the location was chosen from.

    Example:
    >>> cell = GlimpseCell(GlimpseSensor(8, num_scales=2))
    >>> images = np.zeros((3, 28, 28, 1), "float32")
    >>> output, states = cell(images, cell.get_initial_state(batch_size=3))
    >>> output.shape
    TensorShape([3, 256])

    Inside the loop:

    >>> look = RecurrentAttention(GlimpseCell(8), num_glimpses=4)
    >>> look(images).shape
    TensorShape([3, 256])

    Reference:
        Mnih, Heess, Graves, Kavukcuoglu 2014, Recurrent Models of Visual
        Attention, https://arxiv.org/abs/1406.6247
    """

    def __init__(
        self,
        glimpse_sensor,
        core=None,
        glimpse_network=None,
        location_network=None,
        location_policy=None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        policy = self.dtype_policy
        if isinstance(glimpse_sensor, int):
            glimpse_sensor = GlimpseSensor(glimpse_sensor, dtype=policy)
        self.glimpse_sensor = glimpse_sensor
        self.core = core or keras.layers.SimpleRNNCell(
            256, "relu", dtype=policy
        )
        self.glimpse_network = glimpse_network or GlimpseNetwork(dtype=policy)
        self.location_network = location_network or keras.layers.Dense(
            2, "tanh", dtype=policy
        )
        self.location_policy = location_policy or GaussianLocationPolicy()
        if not hasattr(self.core, "state_size"):
            raise ValueError(
                "`core` must be a Keras RNN cell, with a `state_size`. "
                f"Received: core={self.core}"
            )

    @property
    def state_size(self):
        """Sizes of the states of the core."""
        return self.core.state_size

    @property
    def output_size(self):
        """Width of the output of the core."""
        size = getattr(self.core, "output_size", None)
        return size or tree.flatten(self.core.state_size)[0]

    def get_initial_state(self, batch_size=None):
        """The initial states of the core."""
        if hasattr(self.core, "get_initial_state"):
            states = self.core.get_initial_state(batch_size=batch_size)
        else:
            states = tree.map_structure(
                lambda size: tf.zeros((batch_size, size), self.compute_dtype),
                self.core.state_size,
            )
        return list(states) if tree.is_nested(states) else [states]

    def prepare(self, images):
        """Computes once what all glimpses of the same images need."""
        if hasattr(self.glimpse_sensor, "pyramid"):
            return self.glimpse_sensor.pyramid(images)
        return images

    def choices(self, batch_size, num_steps, training=False):
        """Draws what decides the locations of a rollout, before the loop."""
        return self.location_policy.choices(batch_size, num_steps, training)

    def build(self, images_shape, states_shape=None):
        """Builds every part that is not built yet."""
        if isinstance(images_shape[0], (list, tuple)):
            raise ValueError(
                "Build the cell on the shape of the images, before it is "
                "called on prepared ones."
            )
        batch = images_shape[0]
        query_size = _hidden_state(tree.map_structure(int, self.state_size))
        # Called on symbolic tensors, so that a layer need only have a `call`.
        images = keras.KerasTensor(images_shape)
        location = keras.KerasTensor((batch, 2))
        query = keras.KerasTensor((batch, query_size))
        self.location_policy(self.location_network(query))
        glimpse = self.glimpse_sensor(images, location)
        read = self.glimpse_network(glimpse, location)
        if not self.core.built:
            self.core.build(read.shape)
            self.core.built = True

    def call(
        self,
        images,
        states,
        choices=None,
        training=False,
        return_attention=False,
    ):
        """Chooses a place, looks there and steps the core."""
        query = tf.stop_gradient(_hidden_state(states))
        location_mean = self.location_network(query)
        attention = self.location_policy(location_mean, choices=choices)
        location = attention["location"]
        glimpse = self.glimpse_sensor(images, location)
        read = self.glimpse_network(glimpse, location)
        output, states = self.core(read, states)
        if not tree.is_nested(states):  # as Keras allows a cell of one state
            states = [states]
        if not return_attention:
            return output, states
        return output, states, {**attention, "query": query}

    def get_config(self):
        """The arguments of the constructor."""
        parts = (
            "glimpse_sensor",
            "core",
            "glimpse_network",
            "location_network",
            "location_policy",
        )
        return {
            **super().get_config(),
            **{
                part: keras.saving.serialize_keras_object(getattr(self, part))
                for part in parts
            },
        }

    @classmethod
    def from_config(cls, config):
        """Makes the cell from the config of its parts."""
        parts = {
            name: keras.saving.deserialize_keras_object(value)
            if isinstance(value, dict) and name != "dtype"
            else value
            for name, value in config.items()
        }
        return cls(**parts)


def _hidden_state(states):
    """The h of the last cell: its first state is its output, by convention.

    `states` are those of a cell, [h] or [h, c], or of stacked cells,
    [[h, c], [h, c]]; or their sizes.
    """
    if tree.is_nested(states):
        last = states[-1] if tree.is_nested(states[-1]) else states[0]
        return _hidden_state(last)
    return states
