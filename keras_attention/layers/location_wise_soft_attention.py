"""Location-wise soft attention: a two-dimensional mask over a map."""

import keras
import tensorflow as tf

from keras_attention.layers.scores import places
from keras_attention.layers.soft_attention import SoftAttention


@keras.saving.register_keras_serializable("keras_attention")
class LocationWiseSoftAttention(SoftAttention):
    """Lays a mask over the places of a feature map.

    With the features x_ij at row i and column j and a query h, usually the
    state of a recurrent cell (Wang and Tax 2016, section 3.2; Sharma et al.
    2015, equations 4 and 5):

        e_ij     = score(x, h)_ij
        alpha_ij = exp(e_ij / temperature) / sum_kl exp(e_kl / temperature)
        x'       = beta * alpha_ij x_ij  for all i, j,  or their sum

    Everything is differentiable: it trains by back-propagation. A masked
    place has weight 0; where all places are masked, weights and output are 0.

    Args:
        score: how much a place matters:
            `"additive"`: v . tanh(W_a x_ij + W_h h + b);
            `"general"`: x_ij . W h;
            `"scaled_dot"`: x_ij . h / sqrt(C), for a query of C features;
            `"state"`: w_ij . h + b_ij, by the query alone, for maps of a
            fixed size (Sharma et al. 2015, equation 4);
            `"convolutional"`: the additive score with 3x3 convolutions for
            W_a and v, so that a place sees its neighbours;
            `"gaussian"`: a Gaussian mask whose centre and whose standard
            deviation along both axes are predicted from the query.
        units: hidden width of the additive and the convolutional score, or a
            sequence of widths of several hidden layers.
        temperature: divides the scores; below 1 the mask is sharper.
        gate: whether to multiply the output by beta = sigmoid(w . h + b).
        dropout: fraction of the weights that are dropped in training; the
            others are divided by what is left.
        normalization: `"softmax"` or `"sparsemax"`.
        output: `"expectation"`, the weighted sum (B, C), or `"zero"`, the
            masked map (B, H, W, C).
        seed: integer of the dropout, or None.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        inputs: feature map, (B, H, W, C).
        query: (B, Q); only the additive and the convolutional score do
            without.
        mask: (B, H, W) booleans, False where a place does not count.
        training: whether to drop weights.
        return_attention: whether to return the mask as well.

    Output:
        (B, C), or (B, H, W, C) for the output `"zero"`. With
        `return_attention=True` `(output, attention)` with
        `attention_weights` (B, H, W), before dropout and gate, and
        `location` (B, 2), the mean (x, y) of the places under the weights.
        A score that is NaN or minus infinity is that of a masked place; plus
        infinity takes the whole weight.

    Raises:
        ValueError: for an unknown option, a wrong shape, a query that is
            missing where the score needs it, or a map without places.

    Example:
    Alone in a functional model:

    >>> features, query = keras.Input((7, 7, 16)), keras.Input((8,))
    >>> attend = LocationWiseSoftAttention("convolutional", output="zero")
    >>> keras.Model([features, query], attend(features, query)).output_shape
    (None, 7, 7, 16)

    Inside the loop:

    >>> mechanism = LocationWiseSoftAttention("gaussian")
    >>> cell = AttentionCell(mechanism, keras.layers.GRUCell(8))
    >>> look = RecurrentAttention(cell, num_glimpses=3)
    >>> maps = np.ones((2, 7, 7, 16))
    >>> output, attention = look(maps, return_attention=True)
    >>> output.shape, attention["attention_weights"].shape
    (TensorShape([2, 8]), TensorShape([2, 3, 7, 7]))

    Reference:
        Sharma, Kiros, Salakhutdinov 2015, Action Recognition using Visual
        Attention, https://arxiv.org/abs/1511.04119;
        Wang, Tax 2016, Survey on the attention based RNN model and its
        applications in computer vision, https://arxiv.org/abs/1601.06823
    """

    form = "(batch, height, width, channels)"
    score_names = (
        "additive",
        "general",
        "scaled_dot",
        "state",
        "convolutional",
        "gaussian",
    )

    def attend(self, inputs, query=None, mask=None, choices=None):
        """Lays the mask over the map, and says where its middle is."""
        attended, attention = super().attend(inputs, query, mask, choices)
        weights = attention["attention_weights"]
        shape = tf.shape(weights)
        location = tf.einsum("bhw,hwc->bc", weights, places(shape[1], shape[2]))
        return attended, {**attention, "location": location}
