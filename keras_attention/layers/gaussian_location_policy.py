"""The policy of hard attention: a location sampled around a mean."""

import keras
import numpy as np
import tensorflow as tf

from keras_attention.layers.location_policy import LocationPolicy
from keras_attention.policies import distributions

BOUNDS = ("clip", "truncate")
# A third of a pixel in an image of 60: below it nothing new is seen.
MIN_LEARNED_STDDEV = 0.01


@keras.saving.register_keras_serializable("keras_attention")
class GaussianLocationPolicy(LocationPolicy):
    """Samples locations from a normal distribution around a mean.

        sample   = location_mean + stddev * noise,  noise ~ N(0, 1)
        location = clip(sample, -1, 1)
        log_prob = log N(sample; location_mean, stddev)

    What is looked at is clipped to the image; the log-probability is of the
    sample before clipping, whose distribution is the normal one. No gradient
    passes through the sample (Mnih et al. 2014, section 3.2): the mean learns
    through `log_prob` alone. Called with `pathwise=True` it learns through
    the sample alone, the noise held (Kingma and Welling 2014; Rezende et al.
    2014), and there is no `log_prob`:

        dlocation/dmean = 1,  dlocation/dstddev = noise
                          (0 both where the sample is clipped)

    With `bound="truncate"` each coordinate is of the normal distribution cut
    off at -1 and 1, with the cumulative distribution F:

        location = F^-1(Phi(noise)),  F(-1) = 0, F(1) = 1
        log_prob = log N(location; location_mean, stddev) - log Z
        Z        = Phi((1 - location_mean) / stddev)
                   - Phi((-1 - location_mean) / stddev)

    No sample piles up at the border then, and `log_prob` is of what is looked
    at; the gradient of the sample is that of F^-1 (Figurnov et al. 2018).
    The mode is the mean clipped to the image; noise 0 gives the median,
    which is another place where the mean is near the border. A mean more than
    100 deviations outside counts as one at that distance.

    What decides is drawn before a rollout with `choices` and fed step by
    step, so that random numbers are no side effect of the loop. A scope
    `keras_attention.policy(...)` replaces the sample.

    Args:
        stddev: standard deviation in the units of the location (the image is
            2 wide): one for both coordinates, or a pair (for x, for y). It is
            a weight, so that a callback can anneal it and a file keeps it.
        seed: integer, or None.
        learned_stddev: whether the standard deviation is trained too, through
            `log_prob`; it then stays at 0.01 or more.
        bound: `"clip"` or `"truncate"`.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        location_mean: (B, 2); a coordinate that is NaN counts as 0.
        choices: dict of what decides, one step of what `choices(...)` gave.
        training: whether to sample, where there are no `choices`.
        pathwise: whether the gradient is that of the sample, not of its
            log-probability.

    Output:
        Dict of float32 tensors: `location` (B, 2), `location_mean` (B, 2),
        `log_prob` (B,), not with `pathwise`, and `entropy` (B,), that of the
        distribution of `log_prob`. A given location outside the image has,
        with `"truncate"`, the log-probability of the nearest place in it.

    Raises:
        ValueError: if `stddev` is not positive or neither a number nor a
            pair, `bound` is unknown, or `location_mean` is not (B, 2).

    Example:
    >>> policy = GaussianLocationPolicy(stddev=0.1)
    >>> mean = np.array([[0.5, -0.5]], "float32")
    >>> policy(mean)["location"].numpy()  # not in training: the mode
    array([[ 0.5, -0.5]], dtype=float32)

    Reference:
        Mnih, Heess, Graves, Kavukcuoglu 2014, Recurrent Models of Visual
        Attention, https://arxiv.org/abs/1406.6247;
        Kingma, Welling 2014, Auto-encoding variational Bayes,
        https://arxiv.org/abs/1312.6114;
        Rezende, Mohamed, Wierstra 2014, Stochastic backpropagation,
        https://arxiv.org/abs/1401.4082;
        Figurnov, Mohamed, Mnih 2018, Implicit reparameterization gradients,
        https://arxiv.org/abs/1805.08498
    """

    def __init__(
        self,
        stddev=0.15,
        seed=None,
        learned_stddev=False,
        bound="clip",
        **kwargs,
    ):
        super().__init__(seed, **kwargs)
        self.initial_stddev = _check_stddev(stddev, learned_stddev)
        if bound not in BOUNDS:
            raise ValueError(
                f"`bound` must be one of {BOUNDS}. Received: bound={bound!r}"
            )
        self.learned_stddev = learned_stddev
        self.bound = bound

    @property
    def units(self):
        """Number of values for each example: x and y of the mean."""
        return 2

    def build(self, mean_shape):
        """Makes the weight that holds the standard deviation."""
        self.check_units("location_mean", mean_shape)
        self.stddev = self.add_weight(
            name="stddev",
            shape=np.shape(self.initial_stddev),
            initializer=keras.initializers.Constant(self.initial_stddev),
            trainable=self.learned_stddev,
            constraint=_AtLeast(MIN_LEARNED_STDDEV),
            dtype="float32",
            autocast=False,
        )

    def noise(self, steps):
        """Standard normal noise, (B, T, 2)."""
        return distributions.standard_normal((*steps, 2), self.seed_generator)

    def random_choices(self, steps):
        """Locations uniform over the image, (B, T, 2)."""
        location = distributions.uniform_locations(
            (*steps, 2), self.seed_generator
        )
        return {"location": location}

    def call(self, location_mean, choices=None, training=False, pathwise=False):
        """Decides one location for each example."""
        location_mean = tf.cast(location_mean, "float32")
        unknown = tf.math.is_nan(location_mean)
        location_mean = tf.where(unknown, 0.0, location_mean)
        if choices is None:
            choices = self.choices_of_one_step(location_mean, training)
        distribution = self._distribution(location_mean)
        sample = location_mean
        if "noise" in choices:
            sample = self._sample(distribution, location_mean, choices["noise"])
        sample = choices.get("location", sample)
        if not pathwise:
            sample = tf.stop_gradient(sample)
        location = sample
        if "location" not in choices:
            location = tf.clip_by_value(sample, -1.0, 1.0)
        attention = {
            "location": location,
            "location_mean": location_mean,
            "entropy": distribution.entropy(),
        }
        if not pathwise:
            attention["log_prob"] = distribution.log_prob(sample)
        return attention

    def compute_output_spec(
        self, location_mean, choices=None, training=False, pathwise=False
    ):
        """What `call` returns: float32, whatever the dtype policy."""
        shapes = self.compute_output_shape(location_mean.shape)
        if pathwise:
            del shapes["log_prob"]
        return {
            name: keras.KerasTensor(shape, dtype="float32")
            for name, shape in shapes.items()
        }

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "stddev": self.initial_stddev,
            "seed": self.seed,
            "learned_stddev": self.learned_stddev,
            "bound": self.bound,
        }

    def _distribution(self, location_mean):
        if self.bound == "truncate":
            return distributions.TruncatedNormal(location_mean, self.stddev)
        return distributions.normal_over_places(location_mean, self.stddev)

    def _sample(self, distribution, location_mean, noise):
        if self.bound == "truncate":
            return distribution.sample(noise)
        return location_mean + self.stddev * noise


class _AtLeast(keras.constraints.Constraint):
    """Keeps a weight that is trained at or above a minimum."""

    def __init__(self, minimum):
        self.minimum = minimum

    def __call__(self, w):
        """The weight, or the minimum where it is below."""
        return keras.ops.maximum(w, self.minimum)


def _check_stddev(stddev, learned):
    """The deviation as a float or a pair of floats."""
    values = np.asarray(stddev, "float64")
    if values.shape not in ((), (2,)):
        raise ValueError(
            "`stddev` must be a number or a pair (for x, for y). "
            f"Received: stddev={stddev!r}"
        )
    if not np.all(values > 0):
        raise ValueError(
            f"`stddev` must be positive. Received: stddev={stddev!r}"
        )
    if learned and np.any(values < MIN_LEARNED_STDDEV):
        raise ValueError(
            "A learned `stddev` stays at or above "
            f"{MIN_LEARNED_STDDEV}. Received: stddev={stddev!r}"
        )
    return tuple(values.tolist()) if values.shape else float(values)
