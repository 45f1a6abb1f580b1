"""The policy of hard attention: a location sampled around a mean."""

import keras
import tensorflow as tf

from keras_attention.policies import distributions, scope


@keras.saving.register_keras_serializable("keras_attention")
class GaussianLocationPolicy(keras.layers.Layer):
    """Samples locations from a normal distribution around a mean.

        sample   = location_mean + stddev * noise,  noise ~ N(0, 1)
        location = clip(sample, -1, 1)
        log_prob = log N(sample; location_mean, stddev)

    What is looked at is clipped to the image; the log-probability is of the
    sample before clipping, whose distribution is the normal one. No gradient
    passes through the sample (Mnih et al. 2014, section 3.2): the mean learns
    through `log_prob` alone.

    What decides is drawn before a rollout with `choices` and fed step by
    step, so that random numbers are no side effect of the loop. A scope
    `keras_attention.policy(...)` replaces the sample.

    Args:
        stddev: standard deviation of both coordinates, in the units of the
            location (the image is 2 wide). It is a weight that is not
            trained, so that a callback can anneal it and a file keeps it.
        seed: integer, or None.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        location_mean: (B, 2).
        choices: dict of what decides, one step of what `choices(...)` gave.

    Output:
        Dict of float32 tensors: `location` (B, 2), `location_mean` (B, 2),
        `log_prob` (B,) and `entropy` (B,).

    Example:
    >>> policy = GaussianLocationPolicy(stddev=0.1)
    >>> mean = np.array([[0.5, -0.5]], "float32")
    >>> policy(mean)["location"].numpy()  # not in training: the mode
    array([[ 0.5, -0.5]], dtype=float32)

    Reference:
        Mnih, Heess, Graves, Kavukcuoglu 2014, Recurrent Models of Visual
        Attention, https://arxiv.org/abs/1406.6247
    """

    def __init__(self, stddev=0.15, seed=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if not stddev > 0:
            raise ValueError(
                f"`stddev` must be positive. Received: stddev={stddev!r}"
            )
        self.initial_stddev = stddev
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, mean_shape):
        """Makes the weight that holds the standard deviation."""
        self.stddev = self.add_weight(
            name="stddev",
            shape=(),
            initializer=keras.initializers.Constant(self.initial_stddev),
            trainable=False,
            dtype="float32",
            autocast=False,
        )

    def choices(self, batch_size, num_steps, training=False):
        """Draws what decides `num_steps` locations of each example.

        Args:
            batch_size: B, an integer or a scalar tensor.
            num_steps: T.
            training: whether to sample where no scope says otherwise.

        Returns:
            Dict of (B, T, 2) float32 tensors: `noise` to sample with,
            `location` where it is given, and neither for the mode.

        Raises:
            ValueError: if a scope gives locations of another shape.
        """
        policy = scope.current_policy(training)
        shape = (batch_size, num_steps, 2)
        if policy.name == "sample":
            noise = distributions.standard_normal(shape, self.seed_generator)
            return {"noise": noise}
        if policy.name == "random":
            location = distributions.uniform_locations(
                shape, self.seed_generator
            )
            return {"location": location}
        if policy.name == "center":
            return {"location": tf.zeros(shape)}
        if policy.location is not None:
            return {"location": _over_time(policy.location, shape)}
        return {}

    def call(self, location_mean, choices=None, training=False):
        """Decides one location for each example."""
        location_mean = tf.cast(location_mean, "float32")
        if choices is None:
            drawn = self.choices(tf.shape(location_mean)[0], 1, training)
            choices = {name: value[:, 0] for name, value in drawn.items()}
        distribution = distributions.normal_over_places(
            location_mean, self.stddev
        )
        sample = location_mean
        if "noise" in choices:
            sample = location_mean + self.stddev * choices["noise"]
        sample = choices.get("location", sample)
        sample = tf.stop_gradient(sample)
        location = sample
        if "location" not in choices:
            location = tf.clip_by_value(sample, -1.0, 1.0)
        return {
            "location": location,
            "location_mean": location_mean,
            "log_prob": distribution.log_prob(sample),
            "entropy": distribution.entropy(),
        }

    def compute_output_spec(self, location_mean, choices=None, training=False):
        """What `call` returns: float32, whatever the dtype policy."""
        shapes = self.compute_output_shape(location_mean.shape)
        return {
            name: keras.KerasTensor(shape, dtype="float32")
            for name, shape in shapes.items()
        }

    def compute_output_shape(self, mean_shape):
        """The shapes of the dict that `call` returns."""
        batch = mean_shape[0]
        return {
            "location": (batch, 2),
            "location_mean": (batch, 2),
            "log_prob": (batch,),
            "entropy": (batch,),
        }

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "stddev": self.initial_stddev,
            "seed": self.seed,
        }

    def save_own_variables(self, store):
        """Saves the state of the random numbers too, to resume exactly."""
        super().save_own_variables(store)
        store["seed_state"] = keras.ops.convert_to_numpy(
            self.seed_generator.state
        )

    def load_own_variables(self, store):
        """Loads the standard deviation and the state of random numbers."""
        self.seed_generator.state.assign(store["seed_state"])
        self.stddev.assign(store["0"])


def _over_time(location, shape):
    """Given locations (2,), (B, 2) or (B, T, 2) as (B, T, 2)."""
    location = tf.convert_to_tensor(location, "float32")
    rank = location.shape.rank
    if rank not in (1, 2, 3) or location.shape[-1] != 2:
        raise ValueError(
            "`policy(location=...)` takes (2,), (batch, 2) or (batch, steps, "
            f"2). Received: location.shape={location.shape}"
        )
    if rank == 2:
        location = location[:, None]
    known = [tf.get_static_value(size) for size in shape]
    for given, size in zip(location.shape[::-1], known[::-1], strict=False):
        if None not in (given, size) and given not in (1, size):
            raise ValueError(
                "`policy(location=...)` does not fit the batch and the number "
                f"of steps. Received: location.shape={location.shape}, needed "
                f"(batch, steps, 2)={tuple(known)}"
            )
    return tf.broadcast_to(location, shape)
