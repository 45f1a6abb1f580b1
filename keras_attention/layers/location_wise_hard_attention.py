"""Location-wise hard attention: a place that is sampled, and a look at it."""

import inspect

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
from keras_attention.ops.checks import check_option

ESTIMATORS = ("score_function", "pathwise")


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
    `keras_attention.policy(...)` changes that. Pixels that no glimpse covers
    are not read. How the location network learns is the `estimator`:

    - `"score_function"`: from a reward, through `log_prob` (see
      `models.ReinforceModel`); no gradient passes through the sample
      (Williams 1992; Mnih et al. 2014).
    - `"pathwise"`: by back-propagation, through the bilinear crop and the
      sample, with the noise held (Kingma and Welling 2014; Rezende et al.
      2014). For [X', Y'] = [X, Y] + stddev noise

          dL/d[X, Y] = dL/dx' dx'/d[X', Y']
          dL/dstddev = dL/dx' dx'/d[X', Y'] noise

      Unbiased, as the score function is, for a loss that can be
      differentiated; of much lower variance where the loss is nearly
      straight within a deviation, of higher where it turns often. A clipped
      sample has no gradient, as the loss does not change with it: a mean
      many deviations outside the image learns nothing. There is no
      `log_prob`, so no reward trains it. A place that is given, random or
      the centre has no gradient; the mode has that of the mean.

    Every part can be replaced by a layer of your own.

    Args:
        glimpse_sensor: layer `(images, location) -> glimpse`; or the size of
            the crops of a `GlimpseSensor` with one scale.
        location_network: layer `(B, Q) -> (B, location_policy.units)`; by
            default a dense layer, `"tanh"` for a `GaussianLocationPolicy` and
            linear for other policies.
        location_policy: `GaussianLocationPolicy`, the default,
            `GridLocationPolicy`, or a layer like these.
        estimator: how the location network learns, as above. `"pathwise"`
            needs a sensor with a gradient to the location, such as a
            `GlimpseSensor` with bilinear interpolation, and a policy whose
            `call` takes `pathwise=True`: the `GaussianLocationPolicy`.
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
        not with `"pathwise"`, `entropy` (B,), and of a `GridLocationPolicy`
        `indices` (B, 1).

    Raises:
        ValueError: for a missing query, a mask, a wrong shape, an unknown
            estimator, or parts that have no pathwise gradient.

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
        Kingma, Welling 2014, Auto-encoding variational Bayes,
        https://arxiv.org/abs/1312.6114;
        Rezende, Mohamed, Wierstra 2014, Stochastic backpropagation,
        https://arxiv.org/abs/1401.4082;
        Wang, Tax 2016, Survey on the attention based RNN model and its
        applications in computer vision, https://arxiv.org/abs/1601.06823
    """

    samples = True

    def __init__(
        self,
        glimpse_sensor,
        location_network=None,
        location_policy=None,
        estimator="score_function",
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
        check_option("estimator", estimator, ESTIMATORS)
        self.estimator = estimator
        if estimator == "pathwise":
            _check_pathwise(self.glimpse_sensor, self.location_policy)

    def build(self, inputs_shape, query_shape=None):
        """Builds every part, on symbolic tensors: they need only a `call`."""
        _check_given(query_shape)
        check_shape("inputs", inputs_shape, "(batch, height, width, channels)")
        check_query(query_shape, inputs_shape)
        query = keras.KerasTensor(query_shape)
        self._decide(query)
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
        attention = self._decide(query, choices=choices or {})
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
        return {
            **super().get_config(),
            **parts.serialized(layers),
            "estimator": self.estimator,
        }

    @classmethod
    def from_config(cls, config):
        """Makes the layer from the config of its parts."""
        return cls(**parts.deserialized(config))

    def _decide(self, query, **arguments):
        if self.estimator == "pathwise":  # a policy of your own may not know it
            arguments["pathwise"] = True
        return self.location_policy(self.location_network(query), **arguments)

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


def _check_pathwise(sensor, policy):
    """Raises `ValueError` where it is known that no gradient would pass."""
    interpolation = getattr(sensor, "interpolation", "bilinear")
    if interpolation != "bilinear":
        raise ValueError(
            'The estimator "pathwise" needs a glimpse with a gradient to the '
            'location: give the `glimpse_sensor` `interpolation="bilinear"`. '
            f"Received: interpolation={interpolation!r}"
        )
    if "pathwise" not in inspect.signature(policy.call).parameters:
        raise ValueError(
            'The estimator "pathwise" needs a `location_policy` whose `call` '
            "takes `pathwise=True`, such as `GaussianLocationPolicy`; no "
            "gradient passes through a choice of cells. "
            f"Received: location_policy={policy}"
        )
