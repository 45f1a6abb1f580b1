"""Training where to look, from known places, before what to read."""

import keras
import tensorflow as tf

from keras_attention.layers.item_wise_hard_attention import (
    ItemWiseHardAttention,
)
from keras_attention.models import known_places
from keras_attention.models.hard_attention import hard_attention
from keras_attention.policies import scope


@keras.saving.register_keras_serializable("keras_attention")
class PolicyPretraining(keras.Model):
    """Trains where a model looks, and nothing else, from known places.

    A policy that starts by looking in about the right direction learns from a
    reward much sooner. This model holds yours; its `fit` minimises the
    negative log-probability of the known places, and changes nothing but the
    weights of the policy: the location networks and the policies of
    `LocationWiseHardAttention` (so of a `GlimpseCell`), the scores of
    `ItemWiseHardAttention`. It looks as in training, with all other layers as
    in inference. Then train your model as if it were new.

        L = - mean over known (b, t) of log p(place[b, t] | query[b, t])

    Args:
        model: any Keras model with hard attention, of this package.
        **kwargs: of `keras.Model`.

    Call arguments:
        inputs: of the model.
        training: whether to sample.

    Output:
        What the model attended to, as `keras_attention.record_attention`
        gives it.

    Raises:
        ValueError: if the model has no hard attention; in `fit`, if the places
            that come as `y` do not have the right shape or dtype.

    Example:
    Of every second image the digit is known to be at the top left:

    >>> model = ram((28, 28, 1), num_glimpses=2)
    >>> images = np.random.uniform(size=(16, 28, 28, 1))
    >>> boxes = np.tile([-0.8, -0.8, -0.2, -0.2], (16, 1))
    >>> boxes[::2] = np.nan
    >>> pretraining = PolicyPretraining(model)
    >>> pretraining.compile(keras.optimizers.SGD(0.01))
    >>> places = box_centers(boxes)
    >>> losses = pretraining.fit(images, places, epochs=20, verbose=0)
    >>> with keras_attention.record_attention() as attention:
    ...     scores = model(images)
    >>> away = np.abs(attention["glimpses"]["location"] + 0.5)
    >>> bool(away.max() < 0.2)
    True
    """

    def __init__(self, model, **kwargs):
        super().__init__(**kwargs)
        if not hard_attention(model):
            raise ValueError(
                "`PolicyPretraining` needs a model with `ItemWiseHardAttention`"
                " or `LocationWiseHardAttention`. Received: "
                f"model={model.name!r}"
            )
        self.model = model

    @property
    def trainable_variables(self):
        """The weights of the policy."""
        weights = {
            id(weight): weight
            for found in hard_attention(self.model).values()
            for part in _policy_parts(found.mechanism)
            for weight in part.trainable_variables
        }
        return [*weights.values()]

    @property
    def trainable_weights(self):
        """The weights of the policy."""
        return self.trainable_variables

    def call(self, inputs, training=False):
        """Looks, and tells where."""
        policy = "sample" if training else "mode"
        with scope.policy(policy), scope.record_attention() as attention:
            self.model(inputs, training=False)
        return attention

    def compute_loss(
        self,
        x=None,
        y=None,
        y_pred=None,
        sample_weight=None,
        training=True,
    ):
        """The mean negative log-probability of the known places."""
        loss = known_places.total_loss(self.model, y_pred, y, sample_weight)
        # Gradients of replicas are summed.
        return loss / tf.distribute.get_strategy().num_replicas_in_sync

    def get_config(self):
        """The model."""
        model = keras.saving.serialize_keras_object(self.model)
        return {**super().get_config(), "model": model}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes it from its config."""
        model = keras.saving.deserialize_keras_object(
            config["model"], custom_objects
        )
        return cls(**{**config, "model": model})


def _policy_parts(mechanism):
    """The layers that decide what a mechanism chooses."""
    if isinstance(mechanism, ItemWiseHardAttention):
        return [mechanism.score]
    return [mechanism.location_network, mechanism.location_policy]
