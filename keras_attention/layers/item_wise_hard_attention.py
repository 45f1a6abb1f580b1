"""Item-wise hard attention: items that are sampled, and the others not read."""

import keras
import tensorflow as tf

from keras_attention.layers.mechanism import (
    Mechanism,
    check_mask,
    check_query,
)
from keras_attention.layers.scores import make_score
from keras_attention.layers.soft_attention import (
    check_inputs,
    check_temperature,
    without_masked,
)
from keras_attention.ops.attention_weights import LARGEST_SCORE, masked_softmax
from keras_attention.ops.checks import check_count, check_option
from keras_attention.policies import distributions, given, item_choice, scope

FORM = "(batch, items, features)"


@keras.saving.register_keras_serializable("keras_attention")
class ItemWiseHardAttention(Mechanism):
    """Samples one or several items by how well they answer a query.

    With items a_1 .. a_N and a query h, usually the state of a recurrent cell
    (Wang and Tax 2016, section 3.1; Xu et al. 2015, section 4.1):

        e_i     = score(a_i, h)
        alpha_i = exp(e_i / temperature) / sum_j exp(e_j / temperature)
        i_1 .. i_k ~ alpha
        x'      = the items a_(i_1) .. a_(i_k)

    It samples in training and takes the most probable items otherwise; a
    scope `keras_attention.policy(...)` changes that. No gradient passes
    through the choice: the scores learn from a reward, through `log_prob`
    (see `models.ReinforceModel`), the items through back-propagation.

    Args:
        num_items: number k of items that are chosen at once.
        replacement: whether the k draws are independent, so that an item may
            come more than once; otherwise they are distinct.
        score: as in `ItemWiseSoftAttention`: `"additive"`, `"general"`,
            `"scaled_dot"` or `"state"`.
        units: hidden width of the additive score, or a sequence of widths.
        temperature: divides the scores; above 1 more is tried out.
        output: `"gather"` returns the chosen items, (B, k, D); `"zero"` keeps
            all N in their places, (B, N, D), and sets the others to 0.
        seed: integer, or None.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        inputs: items, (B, N, D).
        query: (B, Q); only the additive score does without.
        mask: (B, N) booleans, False where an item can not be chosen.
        training: whether to sample.
        return_attention: whether to return what was chosen as well.

    Output:
        (B, k, D) or (B, N, D). With `return_attention=True`
        `(output, attention)` with a dict of
        `attention_weights` (B, N), alpha;
        `indices` (B, k) int32 in the order of the choice, -1 where no item
        was left (its row of the output is 0);
        `log_prob` (B,), of the k items in their order: with
        replacement the sum of log alpha, without it the log-probability of
        drawing them one after the other from what is left;
        `entropy` (B,) of alpha, in nats.
        An item whose score is NaN or minus infinity is never chosen.

    Raises:
        ValueError: for an unknown option, a wrong shape, more distinct items
            than there are, a missing query, or no items.

    Example:
    Alone in a functional model:

    >>> items, query = keras.Input((7, 16)), keras.Input((8,))
    >>> chosen = ItemWiseHardAttention(num_items=2)(items, query)
    >>> keras.Model([items, query], chosen).output_shape
    (None, 2, 16)

    Inside the loop, no item twice:

    >>> cell = AttentionCell(
    ...     ItemWiseHardAttention(),
    ...     keras.layers.GRUCell(8),
    ...     inhibition_of_return=True,
    ... )
    >>> look = RecurrentAttention(cell, num_glimpses=3)
    >>> output, attention = look(np.ones((1, 3, 16)), return_attention=True)
    >>> sorted(attention["indices"].numpy().ravel().tolist())
    [0, 1, 2]

    Reference:
        Xu et al. 2015, Show, Attend and Tell,
        https://arxiv.org/abs/1502.03044;
        Wang, Tax 2016, Survey on the attention based RNN model and its
        applications in computer vision, https://arxiv.org/abs/1601.06823
    """

    def __init__(
        self,
        num_items=1,
        replacement=False,
        score="additive",
        units=128,
        temperature=1.0,
        output="gather",
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_count("num_items", num_items)
        check_temperature(temperature)
        check_option("output", output, ("gather", "zero"))
        self.num_items = num_items
        self.replacement = replacement
        self.score_name = score
        self.units = units
        self.temperature = temperature
        self.output_form = output
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        names = ("additive", "general", "scaled_dot", "state")
        self.score = make_score(score, names, units, self.dtype_policy)

    def build(self, inputs_shape, query_shape=None):
        """Builds the score."""
        self._check(inputs_shape, query_shape)
        if not self.score.built:
            self.score.build(inputs_shape, query_shape)
            self.score.built = True

    def prepare(self, inputs, mask=None):
        """The items, and what the score needs of them."""
        inputs = tf.cast(inputs, self.compute_dtype)
        check_inputs(inputs.shape, FORM)
        inputs = without_masked(inputs, mask)
        return {"inputs": inputs, "keys": self.score.prepare(inputs)}

    def choices(self, inputs, num_steps, training=False):
        """Draws what decides the items of a rollout, before the loop.

        Args:
            inputs: (B, N, D).
            num_steps: T.
            training: whether to sample where no scope says otherwise.

        Returns:
            Dict of `noise`, Gumbel, to sample with; `random`, to choose
            uniformly with; `indices` (B, T, k) where they are given; and
            none of them for the mode.

        Raises:
            ValueError: if a scope gives indices of another shape, or
                locations.
        """
        policy = scope.current_policy(training)
        shape = tf.shape(inputs)
        batch, num_all = shape[0], inputs.shape[1] or shape[1]
        if policy.location is not None:
            raise ValueError(
                "`policy(location=...)` gives places, but "
                f"`ItemWiseHardAttention` {self.name!r} chooses items: use "
                "`policy(indices=...)`."
            )
        steps = (batch, num_steps, self.num_items)
        if policy.indices is not None:
            indices = tf.cast(policy.indices, "int32")
            _check_range(indices, num_all)
            return {"indices": given.over_time("indices", indices, steps)}
        if policy.name == "center":
            first = tf.maximum((num_all - self.num_items) // 2, 0)
            middle = tf.minimum(first + tf.range(self.num_items), num_all - 1)
            return {"indices": tf.broadcast_to(middle, steps)}
        if policy.name == "mode":
            return {}
        drawn = [self.num_items] if self.replacement else []
        noise = distributions.standard_gumbel(
            (batch, num_steps, *drawn, num_all), self.seed_generator
        )
        return {"random" if policy.name == "random" else "noise": noise}

    def attend(self, inputs, query=None, mask=None, choices=None):
        """Chooses items."""
        inputs, keys = inputs["inputs"], inputs["keys"]
        self._check(inputs.shape, None if query is None else query.shape, mask)
        scores = self.score(keys, query) / self.temperature
        weights = masked_softmax(scores, mask)
        # A weight too small for float32 is still that of an item that counts.
        counts = scores > -float("inf")  # false for NaN too
        scores = tf.clip_by_value(scores, -LARGEST_SCORE, LARGEST_SCORE)
        if mask is not None:
            counts = tf.logical_and(counts, tf.cast(mask, "bool"))
        indices = self._choose(scores, counts, choices or {})
        attention = {
            "attention_weights": weights,
            "indices": indices,
            "log_prob": item_choice.log_prob(
                scores, counts, indices, self.replacement
            ),
            "entropy": item_choice.entropy(weights),
        }
        return self._read(inputs, indices), attention

    def compute_mask(self, inputs, mask=None):
        """The mask goes on where all inputs stay in their places."""
        return mask if self.output_form == "zero" else None

    def compute_output_shape(self, inputs_shape, query_shape=None):
        """(B, k, D) or (B, N, D)."""
        if self.output_form == "zero":
            return tuple(inputs_shape)
        return (inputs_shape[0], self.num_items, inputs_shape[-1])

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "num_items": self.num_items,
            "replacement": self.replacement,
            "score": self.score_name,
            "units": self.units,
            "temperature": self.temperature,
            "output": self.output_form,
            "seed": self.seed,
        }

    def _choose(self, scores, counts, choices):
        if "indices" in choices:
            return item_choice.known(choices["indices"], counts)
        noise = choices.get("noise")
        if "random" in choices:
            scores, noise = tf.zeros_like(scores), choices["random"]
        choose = (
            item_choice.choose_with_replacement
            if self.replacement
            else item_choice.choose_distinct
        )
        return choose(tf.stop_gradient(scores), counts, self.num_items, noise)

    def _read(self, inputs, indices):
        if self.output_form == "zero":
            chosen = tf.one_hot(indices, tf.shape(inputs)[1])
            kept = tf.reduce_max(chosen, axis=1)[..., None] > 0
            return tf.where(kept, inputs, tf.zeros_like(inputs))
        items = tf.gather(inputs, tf.maximum(indices, 0), batch_dims=1)
        return tf.where(indices[..., None] >= 0, items, tf.zeros_like(items))

    def _check(self, inputs_shape, query_shape, mask=None):
        check_inputs(inputs_shape, FORM)
        if query_shape is not None:
            check_query(query_shape, inputs_shape)
        self.score.check(inputs_shape, query_shape)
        if mask is not None:
            check_mask(mask.shape, inputs_shape[:-1])
        num_all = inputs_shape[1]
        too_many = num_all is not None and self.num_items > num_all
        if too_many and not self.replacement:
            raise ValueError(
                "`num_items` must be at most the number of items. Received: "
                f"num_items={self.num_items}, "
                f"inputs.shape={tuple(inputs_shape)}"
            )


def _check_range(indices, num_all):
    """Raises `ValueError` where it is known that there is no such item."""
    known = tf.get_static_value(indices)
    if known is None or not isinstance(num_all, int):
        return
    if ((known < 0) | (known >= num_all)).any():
        raise ValueError(
            f"`policy(indices=...)` must lie in 0 .. {num_all - 1}, there are "
            f"{num_all} items. Received: indices={known.tolist()}"
        )
