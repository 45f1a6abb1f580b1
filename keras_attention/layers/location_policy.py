"""What every policy over locations has in common: how it decides."""

import keras
import tensorflow as tf

from keras_attention.layers.seeded_layer import SeededLayer
from keras_attention.policies import given, scope
from keras_attention.policies.choices import at_step


class LocationPolicy(SeededLayer):
    """A layer that decides where to look, and says how probable that was.

    What decides is drawn before a rollout with `choices` and fed step by
    step, so that random numbers are no side effect of the loop. A scope
    `keras_attention.policy(...)` replaces the sample.

    A policy has `units`, the number of values for each example that it is
    called on, and implements `call`, `noise` and `random_choices`.

    Args:
        seed: integer, or None.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, seed=None, **kwargs):
        # Half precision cannot tell the pixels of a large image apart.
        super().__init__(autocast=False, **kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def noise(self, steps):
        """The noise of a sample at each of `steps`, (B, T)."""
        raise NotImplementedError

    def random_choices(self, steps):
        """What decides for places drawn uniformly, at each of (B, T)."""
        raise NotImplementedError

    def choices(self, batch_size, num_steps, training=False):
        """Draws what decides `num_steps` locations of each example.

        Args:
            batch_size: B, an integer or a scalar tensor.
            num_steps: T.
            training: whether to sample where no scope says otherwise.

        Returns:
            Dict of (B, T, ...) tensors: `noise` to sample with, what is
            given, such as `location`, and nothing for the mode.

        Raises:
            ValueError: if a scope gives locations of another shape, or
                indices.
        """
        policy = scope.current_policy(training)
        if policy.indices is not None:
            raise ValueError(
                "`policy(indices=...)` gives items, but "
                f"`{type(self).__name__}` {self.name!r} chooses places: use "
                "`policy(location=...)`."
            )
        steps = (batch_size, num_steps)
        if policy.name == "sample":
            return {"noise": self.noise(steps)}
        if policy.name == "random":
            return self.random_choices(steps)
        if policy.name == "center":
            return {"location": tf.zeros((*steps, 2))}
        if policy.location is not None:
            location = given.over_time("location", policy.location, (*steps, 2))
            return {"location": tf.cast(location, "float32")}
        return {}

    def choices_of_one_step(self, inputs, training):
        """Draws what decides one location of each example of a batch."""
        return at_step(self.choices(tf.shape(inputs)[0], 1, training), 0)

    def check_units(self, name, shape):
        """Raises `ValueError` unless an input has the shape (B, units)."""
        if len(shape) != 2 or shape[-1] != self.units:
            raise ValueError(
                f"`{name}` must have the shape (batch, {self.units}). "
                f"Received: {name}.shape={tuple(shape)}"
            )

    def compute_output_shape(self, input_shape):
        """The shapes of the dict that `call` returns."""
        batch = input_shape[0]
        return {
            "location": (batch, 2),
            "location_mean": (batch, 2),
            "log_prob": (batch,),
            "entropy": (batch,),
        }
