"""Location-wise hard attention: a place that is sampled, and a look at it."""

import keras
import tensorflow as tf

from keras_attention.layers import parts
from keras_attention.layers.gaussian_location_policy import (
    GaussianLocationPolicy,
)
from keras_attention.layers.glimpse_sensor import GlimpseSensor
from keras_attention.layers.mechanism import (
    Mechanism,
    check_query,
    check_shape,
)


@keras.saving.register_keras_serializable("keras_attention")
class LocationWiseHardAttention(Mechanism):
    """Looks at an image through one glimpse, at a place that is sampled.

    First a coordinate from the query, then a centre sampled around it, then
    the crop around that (Mnih et al. 2014, section 3.1; Wang and Tax 2016,
    section 3.2):

        [X, Y]   = location_network(query)            `location_mean`
        [X', Y'] ~ location_policy([X, Y])            `location`
        x'       = glimpse_sensor(images, [X', Y'])

    It samples in training and takes the mode otherwise; a scope
    `keras_attention.policy(...)` changes that. No gradient passes through the
    sample: the location network learns from a reward, through `log_prob` (see
    `models.ReinforceModel`). Pixels that no glimpse covers are not read.

    Every part can be replaced by a layer of your own.

    Args:
        glimpse_sensor: layer `(images, location) -> glimpse`; or the size of
            the crops of a `GlimpseSensor` with one scale.
        location_network: layer `(B, Q) -> (B, location_policy.units)`; by
            default a dense layer, `"tanh"` for a `GaussianLocationPolicy` and
            linear for other policies.
        location_policy: `GaussianLocationPolicy`, the default,
            `GridLocationPolicy`, or a layer like these.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        inputs: images, (B, H, W, C), as the sensor takes them.
        query: (B, Q), what the place is chosen from.
        mask: not taken: a mask has no meaning for a crop.
        training: whether to sample.
        return_attention: whether to return what was looked at as well.

    Output:
        The glimpse, such as (B, size, size, num_scales * C). With
        `return_attention=True` `(glimpse, attention)` with the dict of the
        policy: `location` (B, 2), `location_mean` (B, 2), `log_prob` (B,),
        `entropy` (B,), and of a `GridLocationPolicy` `indices` (B, 1).

    Raises:
        ValueError: for a missing query, a mask, or a wrong shape.

    Example:
    Alone in a functional model:

    >>> image, query = keras.Input((28, 28, 1)), keras.Input((16,))
    >>> glimpse = LocationWiseHardAttention(8)(image, query)
    >>> keras.Model([image, query], glimpse).output_shape
    (None, 8, 8, 1)

    Inside the loop, the state of the cell is the query:

    >>> cell = AttentionCell(
    ...     LocationWiseHardAttention(8), keras.layers.LSTMCell(16)
    ... )
    >>> look = RecurrentAttention(cell, num_glimpses=4)
    >>> look(np.zeros((2, 28, 28, 1), "float32")).shape
    TensorShape([2, 16])

    Reference:
        Mnih, Heess, Graves, Kavukcuoglu 2014, Recurrent Models of Visual
        Attention, https://arxiv.org/abs/1406.6247;
        Wang, Tax 2016, Survey on the attention based RNN model and its
        applications in computer vision, https://arxiv.org/abs/1601.06823
    """

    def __init__(
        self,
        glimpse_sensor,
        location_network=None,
        location_policy=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if isinstance(glimpse_sensor, int):
            glimpse_sensor = GlimpseSensor(
                glimpse_sensor, dtype=self.dtype_policy
            )
        if not callable(glimpse_sensor):
            raise ValueError(
                "`glimpse_sensor` must be a layer, or the size of a glimpse. "
                f"Received: glimpse_sensor={glimpse_sensor!r}"
            )
        self.glimpse_sensor = glimpse_sensor
        self.location_policy = location_policy or GaussianLocationPolicy()
        self.location_network = location_network or self._default_network()

    def build(self, inputs_shape, query_shape=None):
        """Builds every part, on symbolic tensors: they need only a `call`."""
        _check_given(query_shape)
        check_shape("inputs", inputs_shape, "(batch, height, width, channels)")
        check_query(query_shape, inputs_shape)
        query = keras.KerasTensor(query_shape)
        self.location_policy(self.location_network(query))
        location = keras.KerasTensor((inputs_shape[0], 2))
        self.glimpse_sensor(keras.KerasTensor(inputs_shape), location)

    def prepare(self, inputs, mask=None):
        """Computes once what all glimpses of the same images need."""
        if hasattr(self.glimpse_sensor, "prepare"):
            return self.glimpse_sensor.prepare(inputs)
        return inputs

    def choices(self, inputs, num_steps, training=False):
        """Draws what decides the places of a rollout, before the loop."""
        batch_size = tf.shape(inputs)[0]
        return self.location_policy.choices(batch_size, num_steps, training)

    def attend(self, inputs, query=None, mask=None, choices=None):
        """Chooses a place and looks there."""
        _check_given(query, mask)
        location_mean = self.location_network(query)
        attention = self.location_policy(location_mean, choices=choices or {})
        glimpse = self.glimpse_sensor(inputs, attention["location"])
        return glimpse, attention

    def compute_output_shape(self, inputs_shape, query_shape=None):
        """The shape of the glimpse."""
        location_shape = (inputs_shape[0], 2)
        return self.glimpse_sensor.compute_output_shape(
            inputs_shape, location_shape
        )

    def get_config(self):
        """The arguments of the constructor."""
        layers = {
            "glimpse_sensor": self.glimpse_sensor,
            "location_network": self.location_network,
            "location_policy": self.location_policy,
        }
        return {**super().get_config(), **parts.serialized(layers)}

    @classmethod
    def from_config(cls, config):
        """Makes the layer from the config of its parts."""
        return cls(**parts.deserialized(config))

    def _default_network(self):
        policy = self.location_policy
        gaussian = isinstance(policy, GaussianLocationPolicy)
        return keras.layers.Dense(
            policy.units,
            "tanh" if gaussian else None,
            dtype=self.dtype_policy,
        )


def _check_given(query, mask=None):
    """Checks what is given: tensors, or in `build` their shapes."""
    if query is None:
        raise ValueError(
            "`LocationWiseHardAttention` chooses the place from a query. "
            "Received: query=None"
        )
    if mask is not None:
        raise ValueError(
            "`LocationWiseHardAttention` takes no mask: it has no meaning for "
            f"a crop. Received: mask.shape={tuple(mask.shape)}"
        )
