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
from keras_attention.policies import (
    item_choice,
    item_draws,
    item_reading,
    relaxed_choice,
    rollouts,
    scope,
)

FORM = "(batch, items, features)"
ESTIMATORS = ("score_function", "straight_through", "relaxed")


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
    scope `keras_attention.policy(...)` changes that. The items learn by
    back-propagation. How the scores learn is the `estimator`:

    - `"score_function"`: from a reward, through `log_prob` (see
      `models.ReinforceModel`); no gradient passes through the choice.
      Unbiased (Williams 1992).
    - `"straight_through"`: by back-propagation. With Gumbel noise g

          i = argmax_j (e_j / temperature + g_j)
          r = softmax((e / temperature + g) / relaxation_temperature)

      a_i is read, exactly, and the gradient is that of sum_j r_j a_j (Jang et
      al. 2017, section 2.2; Bengio et al. 2013): biased.
    - `"relaxed"`: by back-propagation; where it samples, sum_j r_j a_j is
      what is read (Maddison et al. 2017). The gradient is unbiased for the
      model that reads so, biased for the one that chooses: the item i alone,
      which it reads wherever it does not sample.

    Only the first has a `log_prob`: what has none is not trained by reward.
    No gradient passes through items that were not sampled: those of the mode,
    of `policy("random")` or `"center"`, or given ones.

    With an `expectation_rate`, that part of the examples of a batch reads in
    training the expected item, at all steps of a rollout (Xu et al. 2015,
    section 4.1):

        x' = sum_i alpha_i a_i

    Nothing is sampled for these, so `log_prob` is 0, and alpha learns by
    back-propagation.

    Args:
        num_items: number k of items that are chosen at once.
        replacement: whether the k draws are independent, so that an item may
            come more than once; otherwise they are distinct.
        score: as in `ItemWiseSoftAttention`: `"additive"`, `"general"`,
            `"scaled_dot"` or `"state"`.
        units: hidden width of the additive score, or a sequence of widths.
        temperature: divides the scores; above 1 more is tried out.
        output: `"gather"` returns the chosen items, (B, k, D); `"zero"` keeps
            all N in their places, (B, N, D), and sets the others to 0. Where
            r or alpha is read, row i is r_i a_i, with the largest of k r_i.
        seed: integer, or None.
        estimator: how the scores learn, as above. Those with r need one item
            or `replacement=True`: k draws have k independent r.
        relaxation_temperature: of r; near 0 it is one-hot, and its gradient
            of high variance. Where the estimator has r it is a weight, not
            trained, so that a callback can anneal it and a file keeps it.
        expectation_rate: probability in [0, 1] of an example to read the
            expected item in training; for `num_items=1`.
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
        was left (its row of the output is 0); the largest of r, or of alpha,
        where these are read;
        `log_prob` (B,), for the score function, of the k items in their
        order: with replacement the sum of log alpha, without it the
        log-probability of drawing them one after the other from what is left;
        `entropy` (B,) of alpha, in nats.
        An item whose score is NaN or minus infinity is never chosen.

    Raises:
        ValueError: for an unknown option, options that do not go together, a
            wrong shape, more distinct items than there are, a missing query,
            or no items.

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

    Trained by back-propagation:

    >>> look = ItemWiseHardAttention(estimator="straight_through")
    >>> with keras_attention.record_attention() as attention:
    ...     look(np.ones((1, 3, 16), "float32"), training=True).shape
    TensorShape([1, 1, 16])
    >>> "log_prob" in attention[look.name]
    False

    Reference:
        Xu et al. 2015, Show, Attend and Tell,
        https://arxiv.org/abs/1502.03044;
        Jang, Gu, Poole 2017, Categorical reparameterization with
        Gumbel-softmax, https://arxiv.org/abs/1611.01144;
        Maddison, Mnih, Teh 2017, The Concrete distribution,
        https://arxiv.org/abs/1611.00712;
        Bengio, Leonard, Courville 2013, Estimating or propagating gradients
        through stochastic neurons, https://arxiv.org/abs/1308.3432;
        Wang, Tax 2016, Survey on the attention based RNN model and its
        applications in computer vision, https://arxiv.org/abs/1601.06823
    """

    samples = True

    def __init__(
        self,
        num_items=1,
        replacement=False,
        score="additive",
        units=128,
        temperature=1.0,
        output="gather",
        seed=None,
        estimator="score_function",
        relaxation_temperature=0.5,
        expectation_rate=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_count("num_items", num_items)
        check_temperature(temperature)
        check_option("output", output, ("gather", "zero"))
        check_option("estimator", estimator, ESTIMATORS)
        check_temperature(relaxation_temperature, "relaxation_temperature")
        _check_draws(estimator, num_items, replacement)
        _check_rate(expectation_rate, num_items)
        self.num_items = num_items
        self.replacement = replacement
        self.score_name = score
        self.units = units
        self.temperature = temperature
        self.output_form = output
        self.seed = seed
        self.estimator = estimator
        self.initial_relaxation_temperature = relaxation_temperature
        self.expectation_rate = expectation_rate
        self.seed_generator = keras.random.SeedGenerator(seed)
        names = ("additive", "general", "scaled_dot", "state")
        self.score = make_score(score, names, units, self.dtype_policy)

    def build(self, inputs_shape, query_shape=None):
        """Builds the score, and the weight that holds a temperature."""
        self._check(inputs_shape, query_shape)
        if not self.score.built:
            self.score.build(inputs_shape, query_shape)
            self.score.built = True
        if self.estimator != "score_function":
            self.relaxation_temperature = self.add_weight(
                name="relaxation_temperature",
                shape=(),
                initializer=keras.initializers.Constant(
                    self.initial_relaxation_temperature
                ),
                trainable=False,
                dtype="float32",
                autocast=False,
            )

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
            Dict of `noise`, Gumbel, to sample with, and in training
            `expected` (B, T), which examples read the expected item, where
            there are such; `random`, to choose uniformly with; `indices`
            (B, T, k) where they are given; and none of them for the mode.

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
        choices = item_draws.over_rollout(
            policy, steps, num_all, self.replacement, self.seed_generator
        )
        if training and "noise" in choices and self.expectation_rate > 0:
            choices["expected"] = item_draws.same_over_rollout(
                self.expectation_rate, steps[:2], self.seed_generator
            )
        return choices

    def attend(self, inputs, query=None, mask=None, choices=None):
        """Chooses items."""
        inputs, keys, choices = inputs["inputs"], inputs["keys"], choices or {}
        self._check(inputs.shape, None if query is None else query.shape, mask)
        scores = self.score(keys, query) / self.temperature
        weights = masked_softmax(scores, mask)
        # A weight too small for float32 is still that of an item that counts.
        counts = scores > -float("inf")  # false for NaN too
        scores = tf.clip_by_value(scores, -LARGEST_SCORE, LARGEST_SCORE)
        if mask is not None:
            counts = tf.logical_and(counts, tf.cast(mask, "bool"))
        indices = self._choose(scores, counts, choices)
        attention = {
            "attention_weights": weights,
            "indices": indices,
            "entropy": item_choice.entropy(weights),
        }
        if self.estimator == "score_function":
            attention["log_prob"] = item_choice.log_prob(
                scores, counts, indices, self.replacement
            )
        attended = self._read(inputs, scores, counts, indices, choices)
        if "expected" not in choices:
            return attended, attention
        context = self._mixed(inputs, counts, weights[:, None])
        mode = self._choose(scores, counts, {})
        return _where_expected(
            choices["expected"], context, mode, attended, attention
        )

    def compute_mask(self, inputs, mask=None):
        """The mask goes on where all inputs stay in their places."""
        return rollouts.repeated(mask) if self.output_form == "zero" else None

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
            "estimator": self.estimator,
            "relaxation_temperature": self.initial_relaxation_temperature,
            "expectation_rate": self.expectation_rate,
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

    def _read(self, inputs, scores, counts, indices, choices):
        """Reads what was chosen; where it samples, as the estimator does."""
        chosen = item_reading.chosen(inputs, indices, self.output_form)
        if self.estimator == "score_function" or "noise" not in choices:
            return chosen
        weights = relaxed_choice.relaxed(
            scores, counts, choices["noise"], self.relaxation_temperature
        )
        if self.estimator == "relaxed":
            return self._mixed(inputs, counts, weights)
        mixed = self._mixed(tf.stop_gradient(inputs), counts, weights)
        return relaxed_choice.straight_through(chosen, mixed)

    def _mixed(self, inputs, counts, weights):
        return item_reading.mixed(inputs, counts, weights, self.output_form)

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


def _where_expected(expected, context, mode, attended, attention):
    """Replaces what was sampled for the examples that sample nothing."""
    attended = tf.where(expected[:, None, None], context, attended)
    indices = tf.where(expected[:, None], mode, attention["indices"])
    attention = {**attention, "indices": indices}
    if "log_prob" in attention:
        attention["log_prob"] = tf.where(expected, 0.0, attention["log_prob"])
    return attended, attention


def _check_draws(estimator, num_items, replacement):
    """Raises `ValueError` where there is no relaxed choice of this kind."""
    if estimator != "score_function" and num_items > 1 and not replacement:
        raise ValueError(
            f'The estimator "{estimator}" is not defined for several distinct '
            "items: draw one item, or independent ones with "
            '`replacement=True`, or use "score_function". Received: '
            f"estimator={estimator!r}, num_items={num_items}, "
            f"replacement={replacement}"
        )


def _check_rate(rate, num_items):
    """Raises `ValueError` unless a rate is one, and has one item to replace."""
    if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise ValueError(
            "`expectation_rate` must be a probability, from 0 to 1. "
            f"Received: expectation_rate={rate!r}"
        )
    if rate > 0 and num_items > 1:
        raise ValueError(
            "`expectation_rate` needs `num_items=1`: several items are not "
            f"replaced by one expectation. Received: expectation_rate={rate}, "
            f"num_items={num_items}"
        )
