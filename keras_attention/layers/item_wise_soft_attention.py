"""Item-wise soft attention: weights over items, and their expectation."""

import keras

from keras_attention.layers.soft_attention import SoftAttention


@keras.saving.register_keras_serializable("keras_attention")
class ItemWiseSoftAttention(SoftAttention):
    """Weighs items by how well they answer a query, and takes their mean.

    With items a_1 .. a_N and a query h, usually the state of a recurrent cell
    (Wang and Tax 2016, section 3.1; Xu et al. 2015, equations 4, 5 and 13):

        e_i     = score(a_i, h)
        alpha_i = exp(e_i / temperature) / sum_j exp(e_j / temperature)
        x'      = beta * sum_i alpha_i a_i

    Everything is differentiable: it trains by back-propagation. A masked item
    has weight 0; where all items are masked, weights and output are 0.

    Args:
        score: how an item is compared with the query:
            `"additive"`: v . tanh(W_a a + W_h h + b), of any two widths; the
            projection of the items is computed once for all steps of a loop;
            `"general"`: a . W h;
            `"scaled_dot"`: a . h / sqrt(D), for a query as wide as the items;
            `"state"`: w_i . h + b_i, by the query alone, for a fixed number
            of items.
        units: hidden width of the additive score, or a sequence of widths of
            several hidden layers.
        temperature: divides the scores; below 1 the weights are sharper.
        gate: whether to multiply the output by beta = sigmoid(w . h + b), so
            that the model can look at nothing.
        dropout: fraction of the weights that are dropped in training; the
            others are divided by what is left.
        normalization: `"softmax"`, or `"sparsemax"`, which gives most items
            the weight 0.
        output: `"expectation"`, the weighted sum (B, D), or `"zero"`, the
            re-weighted items (B, N, D), which a small weight leaves near 0.
        seed: integer of the dropout, or None.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        inputs: items, (B, N, D).
        query: (B, Q); only the additive score does without.
        mask: (B, N) booleans, False where an item does not count.
        training: whether to drop weights.
        return_attention: whether to return the weights as well.

    Output:
        (B, D), or (B, N, D) for the output `"zero"`. With
        `return_attention=True` `(output, attention)`, where
        `attention["attention_weights"]` is (B, N), before dropout and gate.
        A score that is NaN or minus infinity is that of a masked item; plus
        infinity takes the whole weight.

    Raises:
        ValueError: for an unknown option, a wrong shape, a query that is
            missing where the score needs it, or no items.

    Example:
    Alone in a functional model:

    >>> items, query = keras.Input((7, 16)), keras.Input((8,))
    >>> context = ItemWiseSoftAttention()(items, query)
    >>> keras.Model([items, query], context).output_shape
    (None, 16)

    Inside the loop, the state of an LSTM asks three times:

    >>> cell = AttentionCell(ItemWiseSoftAttention(), keras.layers.LSTMCell(8))
    >>> look = RecurrentAttention(cell, num_glimpses=3)
    >>> output, attention = look(np.ones((2, 7, 16)), return_attention=True)
    >>> output.shape, attention["attention_weights"].shape
    (TensorShape([2, 8]), TensorShape([2, 3, 7]))

    Reference:
        Xu et al. 2015, Show, Attend and Tell,
        https://arxiv.org/abs/1502.03044;
        Wang, Tax 2016, Survey on the attention based RNN model and its
        applications in computer vision, https://arxiv.org/abs/1601.06823
    """

    form = "(batch, items, features)"
    score_names = ("additive", "general", "scaled_dot", "state")
