"""The recurrent glimpse cell: choose a place, look there, remember."""

import keras

from keras_attention.layers import parts
from keras_attention.layers.attention_cell import AttentionCell
from keras_attention.layers.glimpse_network import GlimpseNetwork
from keras_attention.layers.location_wise_hard_attention import (
    LocationWiseHardAttention,
)


@keras.saving.register_keras_serializable("keras_attention")
class GlimpseCell(AttentionCell):
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

    With `estimator="pathwise"` there is no reward: all is trained by
    back-propagation, and the gradient is that of the whole rollout. It passes
    through the glimpse and through the location that the glimpse network
    reads, into the location network, and on into the core.

    It is nothing but

        AttentionCell(
            LocationWiseHardAttention(
                glimpse_sensor, location_network, location_policy, estimator
            ),
            core,
            network=glimpse_network,
            read_location=True,
            start=start,
            query_gradient=estimator == "pathwise",
        )

    with the paper's parts where none are given. Every part can be replaced by
    a layer of your own.

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
        start: where the state starts, as in `AttentionCell`.
        estimator: how the location network learns, `"score_function"` or
            `"pathwise"`, as in `LocationWiseHardAttention`.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        inputs: images, (B, H, W, C).
        states: list of the states of the core.
        task: (B, K), appended to the query, or None.
        training: whether the location is sampled.
        return_attention: whether to return what was looked at as well.

    Output:
        `(output, states)`, as a Keras RNN cell, or with
        `return_attention=True` `(output, states, attention)` with a dict of
        `location` (B, 2), `location_mean` (B, 2), `log_prob` (B,), not with
        `"pathwise"`, `entropy` (B,), and the `query` (B, Q) that the location
        was chosen from.

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
        start=None,
        estimator="score_function",
        **kwargs,
    ):
        policy = keras.dtype_policies.get(
            kwargs.get("dtype") or keras.config.dtype_policy()
        )
        super().__init__(
            LocationWiseHardAttention(
                glimpse_sensor,
                location_network,
                location_policy,
                estimator,
                dtype=policy,
            ),
            core or keras.layers.SimpleRNNCell(256, "relu", dtype=policy),
            network=glimpse_network or GlimpseNetwork(dtype=policy),
            read_location=True,
            start=start,
            query_gradient=estimator == "pathwise",
            **kwargs,
        )

    @property
    def glimpse_sensor(self):
        """Layer `(images, location) -> glimpse`."""
        return self.mechanism.glimpse_sensor

    @property
    def core(self):
        """The Keras RNN cell."""
        return self.cell

    @property
    def glimpse_network(self):
        """Layer `(glimpse, location) -> (B, G)`."""
        return self.network

    @property
    def location_network(self):
        """Layer `(B, Q) -> (B, 2)`."""
        return self.mechanism.location_network

    @property
    def location_policy(self):
        """Layer that samples around the mean location."""
        return self.mechanism.location_policy

    @property
    def estimator(self):
        """How the location network learns."""
        return self.mechanism.estimator

    def get_config(self):
        """The arguments of the constructor."""
        layers = {
            "glimpse_sensor": self.glimpse_sensor,
            "core": self.core,
            "glimpse_network": self.glimpse_network,
            "location_network": self.location_network,
            "location_policy": self.location_policy,
            "start": self.start,
        }
        return {
            **keras.layers.Layer.get_config(self),
            **parts.serialized(layers),
            "estimator": self.estimator,
        }
