"""Distributions over places; the one file that knows TensorFlow Probability.

All are computed in float32, whatever the mixed-precision policy. Base noise
is drawn once for a whole rollout, before the loop; a sample is then a
function of the noise, so loops are reproducible, unrolled or not, and the
stochastic model can be exported with the noise as an input (`noise.given`).

TensorFlow Probability is imported where it is first used: it takes longer to
import than the rest of this package.
"""

import math

import tensorflow as tf

from keras_attention.policies import noise

_HUGE = 1e30
# Of log(erfcx(x) / t) in t = 1 / (1 + x / 2), the highest power first: Press
# et al. 1992, Numerical Recipes, section 6.2; to 1.2e-7 for all x >= 0.
_LOG_ERFCX = (
    *(0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807),
    *(-0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223),
)


def standard_normal(shape, seed_generator):
    """Noise of a normal distribution with mean 0 and deviation 1, float32."""
    given = noise.normal(shape)
    if given is not None:
        return given
    import tensorflow_probability as tfp

    return tfp.distributions.Normal(0.0, 1.0).sample(
        shape, seed=next_seed(seed_generator)
    )


def standard_gumbel(shape, seed_generator):
    """Noise of the standard Gumbel distribution, float32 and finite.

    The highest of scores to which it is added is a sample of their softmax.
    """
    given = noise.gumbel(shape)
    if given is not None:
        return given
    import tensorflow_probability as tfp

    return tfp.distributions.Gumbel(0.0, 1.0).sample(
        shape, seed=next_seed(seed_generator)
    )


def uniform_locations(shape, seed_generator):
    """Locations uniform over [-1, 1], float32."""
    given = noise.uniform(shape)
    if given is not None:
        return 2 * given - 1
    import tensorflow_probability as tfp

    return tfp.distributions.Uniform(-1.0, 1.0).sample(
        shape, seed=next_seed(seed_generator)
    )


def happens(probability, shape, seed_generator):
    """Whether what has this probability happens: booleans, independent."""
    import tensorflow_probability as tfp

    return tfp.distributions.Bernoulli(probs=probability, dtype="bool").sample(
        shape, seed=next_seed(seed_generator)
    )


def normal_over_places(mean, stddev):
    """The distribution of a location with independent normal coordinates.

    Args:
        mean: (..., 2).
        stddev: scalar or (2,): one deviation, or one for each coordinate.

    Returns:
        A distribution with events (2,), in float32.
    """
    import tensorflow_probability as tfp

    mean = tf.cast(mean, "float32")
    # Not broadcast_to, nor what broadcasts with it: XLA can not take its
    # gradient in a while loop over a batch of unknown size.
    stddev = tf.cast(stddev, "float32") + tf.zeros_like(mean)
    normal = tfp.distributions.Normal(mean, stddev)
    return tfp.distributions.Independent(normal, 1)


def categorical_log_probs(scores):
    """Log-probabilities of the places that a softmax of scores chooses from.

    A score of NaN counts as the lowest, infinite ones as very large: all are
    finite. (TensorFlow Probability's `Categorical` broadcasts in a way whose
    gradient XLA can not compile in a while loop.)

    Args:
        scores: (B, K).

    Returns:
        (B, K), in float32.
    """
    scores = tf.cast(scores, "float32")
    scores = tf.where(tf.math.is_nan(scores), -_HUGE, scores)
    scores = tf.clip_by_value(scores, -_HUGE, _HUGE)
    return tf.nn.log_softmax(scores)


class TruncatedNormal:
    """The distribution of a location whose coordinates are normal in [-1, 1].

    Each coordinate x is independent, of a normal distribution cut off at the
    borders of the image:

        log p(x) = - (x - mean)^2 / (2 stddev^2)
                   - log(stddev sqrt(2 pi)) - log Z
        Z        = Phi((1 - mean) / stddev) - Phi((-1 - mean) / stddev)

    Both terms are large and cancel where the mean lies outside the image. So
    all is computed relative to the density at the mode, the mean clipped to
    the image:

        excess(x) = ((x - mean)^2 - (mode - mean)^2) / (2 stddev^2)
        N         = integral of exp(-excess) over [-1, 1]
                    / (stddev sqrt(2 pi))
        log p(x)  = - excess(x) - log(stddev sqrt(2 pi)) - log N

    The parts of N beyond the borders are `exp(-excess(border)) * mills(d)`,
    with d the distance from the mean to the border in deviations and
    `mills(d) = Phi(-d) exp(d^2 / 2)`, which falls as slowly as 1 / d. All is
    arithmetic, exp and log, which TFLite has; TensorFlow Probability's
    `TruncatedNormal` needs erf and erfc, which TFLite has not, and is not
    finite where the mean is far outside.

    A mean more than 100 deviations outside the image counts as one at that
    distance. What is said of places holds for both halves of an axis alike,
    so each axis is turned to have its mean at 0 or above.

    Args:
        mean: (..., 2).
        stddev: scalar or (2,): one deviation, or one for each coordinate.
    """

    def __init__(self, mean, stddev):
        mean = tf.cast(mean, "float32")
        self.stddev = tf.cast(stddev, "float32")
        self.side = tf.where(mean < 0, -1.0, 1.0)
        self.mean = tf.minimum(self.side * mean, 1 + 100 * self.stddev)
        self.mode = tf.minimum(self.mean, 1.0)
        outside = self.mean > 1
        beyond = tf.where(outside, self.mean - 1, 1 - self.mean)
        self.near = beyond / self.stddev
        self.far = (1 + self.mean) / self.stddev
        near_part = tf.exp(_log_mills(self.near) - self._excess(1.0))
        far_part = tf.exp(_log_mills(self.far) - self._excess(-1.0))
        self.part = tf.where(
            outside, near_part - far_part, 1 - near_part - far_part
        )

    def log_prob(self, location):
        """Log-density of a location, or of the nearest one in the image."""
        location = tf.clip_by_value(tf.cast(location, "float32"), -1.0, 1.0)
        log_prob = -self._excess(self.side * location) - self._log_total()
        return tf.reduce_sum(log_prob, axis=-1)

    def entropy(self):
        """Entropy, exact to 0.002 even where the mean is far outside.

        H = log(stddev sqrt(2 pi)) + log N + E[excess]
        """
        to_mode = (self.mode - self.mean) / self.stddev
        signed_near = tf.where(self.mean > 1, -self.near, self.near)
        borders = signed_near * tf.exp(-self._excess(1.0))
        borders += self.far * tf.exp(-self._excess(-1.0))
        borders /= math.sqrt(2 * math.pi) * self.part
        excess = (1 - borders - tf.square(to_mode)) / 2
        return tf.reduce_sum(self._log_total() + excess, axis=-1)

    def sample(self, noise):
        """The location to which standard normal noise is carried.

            F(location) = Phi(noise), F the cumulative distribution

        Computed with logarithms of the smaller of F and 1 - F, for tails.

        Args:
            noise: (..., 2); 0 gives the median.

        Returns:
            (..., 2) in [-1, 1], with a gradient to mean and deviation.
        """
        below, above = _log_ndtr(self.side * noise)
        low_below, low_above = _log_ndtr(-self.far)
        high_below, high_above = _log_ndtr((1 - self.mean) / self.stddev)
        lower = _log_add_exp(above + low_below, below + high_below)
        upper = _log_add_exp(above + low_above, below + high_above)
        deviations = _deviations_to_tail(tf.minimum(lower, upper))
        deviations = tf.where(lower < upper, -deviations, deviations)
        place = tf.clip_by_value(self.mean + self.stddev * deviations, -1, 1)
        place = tf.stop_gradient(place)
        return self.side * self._moved(place, below, above)

    def _moved(self, place, below, above):
        """The same place, and how it moves with the distribution.

        With the noise held, F(x) is (Figurnov et al. 2018, section 3), so

            dx/dmean   = - (dF/dmean) / p(x)   = 1 - low - high
            dx/dstddev = - (dF/dstddev) / p(x) = z - a low - b high

        with z, a and b the deviations of x, -1 and 1 from the mean, and with
        phi, the normal density,

            low = (1 - F) phi(a) / phi(z),  high = F phi(b) / phi(z).

        Both are 0 far from the borders: then it moves as mean + stddev z does.
        dx/dmean is exact to 1e-4 and dx/dstddev to 0.002 up to 20 deviations
        outside the image, 0.001 and 0.06 at 90, where 1 - x has few digits.

        Reference:
            Figurnov, Mohamed, Mnih 2018, Implicit reparameterization
            gradients, https://arxiv.org/abs/1805.08498
        """
        excess = self._excess(place)
        low = tf.exp(tf.minimum(above + excess - self._excess(-1.0), 0.0))
        high = tf.exp(tf.minimum(below + excess - self._excess(1.0), 0.0))
        z = (place - self.mean) / self.stddev
        a, b = -self.far, (1 - self.mean) / self.stddev
        to_mean = tf.stop_gradient(tf.maximum(1 - low - high, 0.0))
        to_stddev = tf.stop_gradient(z - a * low - b * high)
        stddev = self.stddev + tf.zeros_like(self.mean)
        return (
            place
            + to_mean * (self.mean - tf.stop_gradient(self.mean))
            + to_stddev * (stddev - tf.stop_gradient(stddev))
        )

    def _excess(self, x):
        to_mode, to_both = x - self.mode, x + self.mode - 2 * self.mean
        return to_mode * to_both / (2 * tf.square(self.stddev))

    def _log_total(self):
        total = self.stddev * math.sqrt(2 * math.pi) * self.part
        return tf.math.log(total)


def next_seed(seed_generator):
    """The next seed of a `keras.random.SeedGenerator`, as TFP takes it.

    Under `tf.distribute` a seed generator gives every replica the same seed;
    the number of the replica is folded in, so that each has its own noise.
    """
    seed = tf.cast(seed_generator.next(), "int32")
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return seed
    return tf.random.experimental.stateless_fold_in(
        seed, context.replica_id_in_sync_group
    )


def _log_mills(distance):
    """Log of Phi(-d) exp(d^2 / 2) = erfcx(d / sqrt(2)) / 2, for d >= 0."""
    t = 1 / (1 + distance / math.sqrt(8))
    powers = tf.math.polyval(list(_LOG_ERFCX), t)
    return tf.math.log(t) + powers - math.log(2)


def _log_ndtr(x):
    """The logarithms of Phi(x) and of Phi(-x)."""
    smaller = _log_mills(tf.abs(x)) - tf.square(x) / 2
    larger = tf.math.log1p(-tf.exp(smaller))
    return (
        tf.where(x < 0, smaller, larger),
        tf.where(x < 0, larger, smaller),
    )


def _log_add_exp(x, y):
    larger = tf.maximum(x, y)
    return larger + tf.math.log1p(tf.exp(-tf.abs(x - y)))


def _deviations_to_tail(log_tail):
    """The d >= 0 with log Phi(-d) = `log_tail`, by Newton's method.

    The starting point lies beyond d, and the function is concave: every step
    comes closer, from the same side.
    """
    distance = tf.sqrt(tf.maximum(-2 * (log_tail + math.log(2)), 0.0))
    for _ in range(4):
        log_mills = _log_mills(distance)
        error = log_mills - tf.square(distance) / 2 - log_tail
        distance += error * tf.exp(log_mills) * math.sqrt(2 * math.pi)
    return tf.maximum(distance, 0.0)
