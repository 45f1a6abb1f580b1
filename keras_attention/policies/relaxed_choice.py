"""Choosing one of N items softly: choices that back-propagation can train.

With scores e and Gumbel noise g (Maddison et al. 2017; Jang et al. 2017)

    i = argmax_j (e_j + g_j)                          a sample of the softmax
    r = softmax((e + g) / relaxation_temperature)     its relaxation

r is a sample of the Concrete distribution, also called Gumbel-softmax or
relaxed one-hot: nearly uniform at a high temperature, and at a low one nearly
the one-hot vector of i, which is always its largest part. The noise does not
depend on the scores, so dr/de is a gradient through the sample.

Read with r, a loss has an unbiased gradient: of the expected loss of the
relaxed model, which is not that of the model that chooses. The
straight-through estimator reads with i and takes the gradient of r: biased,
and so is every gradient through a choice that is no choice backward (Bengio
et al. 2013).

Convention:
    As in `item_choice`: scores are (B, N) float32, `counts` (B, N) booleans.

Reference:
    Maddison, Mnih, Teh 2017, The Concrete distribution,
    https://arxiv.org/abs/1611.00712;
    Jang, Gu, Poole 2017, Categorical reparameterization with Gumbel-softmax,
    https://arxiv.org/abs/1611.01144;
    Bengio, Leonard, Courville 2013, Estimating or propagating gradients
    through stochastic neurons, https://arxiv.org/abs/1308.3432
"""

import tensorflow as tf

from keras_attention.ops.attention_weights import masked_softmax


def relaxed(scores, counts, noise, relaxation_temperature):
    """Relaxed one-hot vectors, one for each of k independent draws.

    Args:
        scores: (B, N).
        counts: (B, N) booleans.
        noise: standard Gumbel noise, (B, k, N), or (B, N) for one draw.
        relaxation_temperature: positive scalar.

    Returns:
        (B, k, N), each row of sum 1, or 0 where no item counts.
    """
    if len(noise.shape) == 2:
        noise = noise[:, None]
    noisy = (scores[:, None] + noise) / relaxation_temperature
    return masked_softmax(noisy, counts[:, None])


@tf.custom_gradient
def straight_through(value, surrogate):
    """Passes a value on, and its gradient to a surrogate as well.

    Args:
        value: what is returned, exactly.
        surrogate: tensor of the same shape: what hears the gradient as if it
            had been returned.

    Returns:
        The value.
    """
    return tf.identity(value), lambda upstream: (upstream, upstream)
