"""Distributions over places; the one file that knows TensorFlow Probability.

All are computed in float32, whatever the mixed-precision policy. Base noise
is drawn once for a whole rollout, before the loop; a sample is then a
function of the noise, so loops are reproducible, unrolled or not, and the
stochastic model can be exported with the noise as an input.

TensorFlow Probability is imported where it is first used: it takes longer to
import than the rest of this package.
"""

import tensorflow as tf


def standard_normal(shape, seed_generator):
    """Noise of a normal distribution with mean 0 and deviation 1, float32."""
    import tensorflow_probability as tfp

    return tfp.distributions.Normal(0.0, 1.0).sample(
        shape, seed=next_seed(seed_generator)
    )


def uniform_locations(shape, seed_generator):
    """Locations uniform over [-1, 1], float32."""
    import tensorflow_probability as tfp

    return tfp.distributions.Uniform(-1.0, 1.0).sample(
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
    stddev = tf.broadcast_to(tf.cast(stddev, "float32"), tf.shape(mean))
    return tfp.distributions.MultivariateNormalDiag(mean, stddev)


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
