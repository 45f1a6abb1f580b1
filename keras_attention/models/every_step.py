"""The scores of a model after every glimpse."""

import keras
from keras import ops

from keras_attention.layers import parts
from keras_attention.models import split


def every_step(model):
    """Makes the model that answers after every glimpse, not only the last.

        scores[:, t] = head(output[t])      t = 1 .. num_glimpses

    where the given model is `head(output[num_glimpses])`. It shares the
    layers of the given model: both have the same weights, and training one
    trains the other.

    Args:
        model: functional model  images -> encoder -> `RecurrentAttention`
            over a static input -> head, such as `ram()`. The head is all
            that follows: layers that depend on the last output of the driver
            and on nothing else. A model whose driver returns all steps, and
            that gives (B, T, K), is returned as it is.

    Returns:
        A model of the same inputs to scores (B, T, K): an `ImageClassifier`
        or a `ReinforceModel` where the given model is one. `scores[:, -1]`
        are those of the given model.

    Raises:
        ValueError: if the model cannot be split so.

    Example:
    >>> model = ram(num_glimpses=3)
    >>> images = np.zeros((2, 28, 28, 1), "uint8")
    >>> scores = every_step(model)(images)
    >>> scores.shape
    TensorShape([2, 3, 10])
    >>> np.array_equal(scores[:, -1], model(images))
    True
    """
    parted = split.split(model)
    driver = parted.driver
    if driver.return_sequences:
        _check_steps(model, driver.num_glimpses)
        return model
    look = split.driver_like(driver, return_sequences=True, return_state=False)
    steps = look(*parted.args, **parted.kwargs)
    scores = HeadAtEveryStep(parted.head, name="head_at_every_step")(steps)
    name = f"{model.name}_every_step"
    return split.model_like(model, parted.inputs, scores, name)


@keras.saving.register_keras_serializable("keras_attention")
class HeadAtEveryStep(keras.layers.Layer):
    """Applies a layer to every step of a sequence, one after the other.

    Each step is computed exactly as it is alone, which one product over all
    steps (`keras.layers.TimeDistributed`) is not.

    Args:
        head: layer, (B, U) to (B, K).
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        steps: (B, T, U), T known.
        training: passed on.

    Output shape:
        (B, T, K)
    """

    def __init__(self, head, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.head = head

    def build(self, steps_shape):
        """Builds the head."""
        if not self.head.built:
            self.head.build((steps_shape[0], *steps_shape[2:]))

    def call(self, steps, training=False):
        """Applies the head to each step."""
        outputs = [
            self.head(steps[:, time], training=training)
            for time in range(steps.shape[1])
        ]
        return ops.stack(outputs, axis=1)

    def get_config(self):
        """The arguments of the constructor."""
        return {**super().get_config(), **parts.serialized({"head": self.head})}

    @classmethod
    def from_config(cls, config):
        """Makes the layer from the config of its head."""
        return cls(**parts.deserialized(config))


def _check_steps(model, num_glimpses):
    shape = tuple(model.output_shape)
    if len(shape) != 3 or shape[1] != num_glimpses:
        raise ValueError(
            "A model whose driver returns all steps must give scores of every "
            f"step, (batch, {num_glimpses}, classes). Received: "
            f"{model.name!r} with output_shape={shape}"
        )
