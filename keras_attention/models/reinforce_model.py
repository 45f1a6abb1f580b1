"""A Keras model whose `fit` trains hard attention."""

import keras
import tensorflow as tf
from keras import ops

from keras_attention.models import (
    exact_sum,
    known_places,
    policy_losses,
    policy_metrics,
    symbolic_calls,
)
from keras_attention.models.baseline import make_baseline
from keras_attention.models.choices import choices_in, choices_of, keep
from keras_attention.models.functional_class import FunctionalAlone
from keras_attention.models.weighted_reward import WeightedReward
from keras_attention.ops.checks import (
    check_count,
    check_nonnegative,
    check_option,
)
from keras_attention.policies import rewards, rollouts, scope


@keras.saving.register_keras_serializable("keras_attention")
class ReinforceModel(FunctionalAlone, keras.Model):
    """A `keras.Model` whose plain `compile` and `fit` train hard attention.

    The compiled loss trains the recogniser by back-propagation. What samples
    (the `log_prob` of every attention layer in the model) is trained with
    REINFORCE on a reward, and a baseline learns to expect that reward:

        gradient of   loss                                    (compiled)
                    - policy_weight
                      * mean_b sum_t log_prob[b, t] * (R[b, t] - baseline[b, t])
                    + mean_b mean_t (R[b, t] - baseline[b, t])^2
                    - entropy_bonus * mean_b sum_t entropy[b, t]

    (Mnih et al. 2014, equations 2 and 3.) R[b, t] is the reward, or where it
    is dense the sum of the rewards from choice t on. (Of two loops, one after
    the other, choice t of each is credited with those from reward t on.) The
    `loss` that `fit` reports is the compiled one: the value of the other terms
    means nothing, only their gradients do. Nothing of Keras's training loop is
    replaced.

    `fit` and `evaluate` show besides the compiled metrics `reward`, the whole
    reward of an example; `baseline_error`, the squared error of the baseline;
    `policy_entropy`, that of one choice, in nats; and where the model samples
    places `location_stddev`, the root mean square distance of the coordinates
    of the sampled location from their mean.

    With `num_samples` K above 1 every example is looked at K times in
    training, and the loss and all metrics are means over the K rollouts (a
    loss with the reduction `"sum"` is a sum over them). What
    comes before the first hard attention, such as an encoder, is run once.
    Called with `training=True` the model then returns K rows for each
    example, one after the other; evaluation and prediction take one.

    Sample and class weights weigh all terms. Padding counts for nothing: a
    step that the Keras mask of the predictions leaves out, or whose weight in
    `sample_weight` (B, T) is 0, has no reward, and a choice with no reward
    after it no policy and baseline terms. Nor has one whose reward is NaN or
    infinite; it is left out of the metrics too.

    With `estimator="exact"` nothing is sampled in training: for one
    `ItemWiseHardAttention` all outcomes are taken, each as a rollout that
    weighs as much as it is probable. The gradient of the expected reward is
    then exact, and the loss and the reward are expectations; compiled metrics
    are of the most probable outcome. One replica trains, on a baseline that
    is learned or none.

    With `supervision` the targets are a tuple `(labels, places)`: locations
    (B, 2) or (B, T, 2), NaN where not known (of boxes: `ops.box_centers`), or
    items (B,) or (B, T), -1 where not known. The gradient is also that of

        supervision * mean over known (b, t) of -log p(place[b, t])

    with dropout of the location network off; `fit` shows it as
    `supervised_loss`, `evaluate` where places come. (See
    also `PolicyPretraining`.) Sample weights may be a tuple `(of_labels,
    of_places)` too, of places (B,), (B, 1) or (B, T); Keras takes no
    `class_weight` with such targets.

    Use it as `keras.Model` is used: `ReinforceModel(inputs, outputs)`, or as
    the base of a class with a `call`. (`keras.models.clone_model` makes the
    clone with the defaults of the arguments below; `from_config` keeps yours.)

    Args:
        *args: of `keras.Model`.
        reward: function `(y_true, y_pred) -> (B,)`, or `-> (B, T)` with one
            reward after each choice; see `keras_attention.rewards`. By default
            1 where the class with the highest score is the true one.
        baseline: `"learned"` from the query of each choice, a
            `LearnedBaseline`; `"moving_average"` of earlier batches;
            `"batch_mean"` of the other examples; `"leave_one_out"`, the mean
            of the other rollouts of the same example; `"none"`; or a layer
            that maps the queries to expected rewards, as `LearnedBaseline`
            does.
        num_samples: number K of rollouts of each example in training.
        entropy_bonus: coefficient of the entropy of what is chosen; above 0
            more is tried out. It is a variable, see
            `training.EntropySchedule`.
        estimator: `"score_function"`, REINFORCE on what was sampled, or
            `"exact"`, the sum over at most 4,096 outcomes, N^T for one of N
            items at each of T steps.
        policy_weight: weight of the policy's gradient beside that of the loss,
            lambda_r of Xu et al. 2015. A small one leaves to the loss what
            both train. What learns by the policy's gradient alone, without
            `entropy_bonus` and `supervision`, learns as fast with any under
            Adam.
        supervision: weight of the supervised loss; above 0 places come with
            the labels.
        **kwargs: of `keras.Model`.

    Raises:
        ValueError: for an unknown baseline or estimator, what has no exact
            sum, a number of samples that is not at least 1 (2 for
            `"leave_one_out"`), a model in which something goes past the hard
            attention with one row for each example where K are needed; in
            `fit`, if nothing learns from a reward, an entropy bonus or places,
            or rewards or places have another shape.

    Example:
    >>> images = keras.Input((28, 28, 1))
    >>> cell = GlimpseCell(8)
    >>> features = RecurrentAttention(cell, num_glimpses=2)(images)
    >>> model = ReinforceModel(images, keras.layers.Dense(10)(features))
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile("adam", loss)
    >>> x, y = np.zeros((4, 28, 28, 1), "float32"), np.zeros(4, "int32")
    >>> history = model.fit(x, y, verbose=0).history
    >>> sorted(history)  # doctest: +NORMALIZE_WHITESPACE
    ['baseline_error', 'location_stddev', 'loss', 'policy_entropy',
     'reward']

    The digit of some of the images is known to be at the top left:

    >>> model = ReinforceModel(images, model.output, supervision=0.1)
    >>> model.compile("adam", loss)
    >>> places = np.array([[-0.5, -0.5], [-0.4, -0.6]] + 2 * [[np.nan] * 2])
    >>> "supervised_loss" in model.fit(x, (y, places), verbose=0).history
    True

    Reference:
        Mnih, Heess, Graves, Kavukcuoglu 2014, Recurrent Models of Visual
        Attention, https://arxiv.org/abs/1406.6247
    """

    def __init__(
        self,
        *args,
        reward=rewards.correct_at_end,
        baseline="learned",
        num_samples=1,
        entropy_bonus=0.0,
        estimator="score_function",
        policy_weight=1.0,
        supervision=0.0,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        check_count("num_samples", num_samples)
        check_nonnegative("policy_weight", policy_weight)
        check_nonnegative("supervision", supervision)
        check_option("estimator", estimator, exact_sum.ESTIMATORS)
        if estimator == "exact":
            exact_sum.check_options(baseline, num_samples)
        self.reward = reward
        self.baseline = make_baseline(baseline, num_samples)
        self.num_samples = num_samples
        self.estimator = estimator
        self.policy_weight = float(policy_weight)
        self.supervision = float(supervision)
        self._outcomes = None  # all there are, for the exact sum
        if supervision:
            self.supervised_tracker = keras.metrics.Mean("supervised_loss")
        # Not a weight: it comes with the config, files of weights go without.
        self.__dict__["entropy_bonus"] = keras.Variable(
            float(entropy_bonus),
            trainable=False,
            dtype="float32",
            name="entropy_bonus",
        )
        self.reward_tracker = keras.metrics.Mean(name="reward")
        self.baseline_tracker = keras.metrics.Mean(name="baseline_error")
        self.entropy_tracker = keras.metrics.Mean(name="policy_entropy")
        self.location_tracker = keras.metrics.RootMeanSquaredError(
            name="location_stddev"
        )
        self._samples_places = self._learned_places = False
        self._traced_under = {}
        # `fit` says that it trains also where `call` does not ask.
        self._call_takes_training = self._call_has_training_arg
        self._call_has_training_arg = True
        if hasattr(self, "_inputs_struct"):  # built of inputs and outputs
            self._run_symbolically(self._inputs_struct)

    @property
    def metrics(self):
        """All metrics; that of locations where the model samples them."""
        hidden = None if self._samples_places else self.location_tracker
        return [one for one in super().metrics if one is not hidden]

    def __call__(self, *args, **kwargs):
        """Calls the model; what was attended to travels with its outputs."""
        if not self.built and type(self).build is keras.Model.build:
            with keras.name_scope(self.name):
                self._run_symbolically(*args, **kwargs)
        elif self._lacks_outcomes():
            self._run_symbolically(*args, **kwargs)
        num_samples = self._rollouts_in(args, kwargs)
        batch_size = None
        if num_samples > 1:
            batch_size = symbolic_calls.batch_size_of(args, kwargs)
        with (
            scope.record_attention() as attention,
            rollouts.rollouts(num_samples, batch_size),
            exact_sum.forced(self._outcomes, num_samples, batch_size),
        ):
            outputs = self._call_telling(*args, **kwargs)
        choices = choices_in(attention, num_samples)
        if self._outcomes is not None and num_samples > 1:
            choices = exact_sum.weighed(choices)
        self._prepare_for(choices)
        keep(choices, outputs)
        return outputs

    def compute_loss(
        self,
        x=None,
        y=None,
        y_pred=None,
        sample_weight=None,
        training=True,
    ):
        """The compiled loss, with the gradients of policy and baseline."""
        choices = choices_of(y_pred)
        y, places = known_places.split(y, self.supervision, training)
        sample_weight, of_places = known_places.weights(places, sample_weight)
        y, sample_weight, of_places = choices.repeated(
            (y, sample_weight, of_places)
        )
        sample_weight = choices.weighted(sample_weight)
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        reward = WeightedReward(self.reward(y, y_pred), y_pred, sample_weight)
        losses = policy_losses.policy_and_baseline_losses(
            choices, reward, self.baseline, training
        )
        policy_metrics.update(self, choices, reward, losses)
        of_places = (
            reward.example_weight
            if of_places is None
            else choices.weighted(of_places)
        )
        supervised = self._supervised_loss(choices, places, of_places)
        if not training:
            return loss
        policy_losses.check_learns(
            choices, self.entropy_bonus, self.supervision
        )
        learned = policy_losses.mean_loss(
            choices, reward, losses, self.policy_weight, self.entropy_bonus
        )
        extra = learned + supervised
        # Gradients of replicas are summed.
        extra /= tf.distribute.get_strategy().num_replicas_in_sync
        return loss + ops.cast(extra - ops.stop_gradient(extra), loss.dtype)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """The metrics, means over the rollouts."""
        choices = choices_of(y_pred)
        y, places = known_places.split(y, self.supervision, training=False)
        sample_weight, _ = known_places.weights(places, sample_weight)
        if choices.weights is None:
            y, sample_weight = choices.repeated((y, sample_weight))
        else:
            y_pred = exact_sum.most_probable(choices, y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data):
        """That of Keras; without places there is no supervised loss."""
        shown = super().test_step(data)
        if not self._learned_places:
            shown.pop("supervised_loss", None)
        return shown

    def make_train_function(self, force=False):
        """Traces again where the scope `policy` has changed."""
        return super().make_train_function(force or self._retrace("train"))

    def make_test_function(self, force=False):
        """Traces again where the scope `policy` has changed."""
        return super().make_test_function(force or self._retrace("test"))

    def make_predict_function(self, force=False):
        """Traces again where the scope `policy` has changed."""
        return super().make_predict_function(force or self._retrace("predict"))

    def get_config(self):
        """The model, and how it learns from a reward."""
        return {
            **super().get_config(),
            **self.learning(),
            "reward": keras.saving.serialize_keras_object(self.reward),
            "baseline": keras.saving.serialize_keras_object(self.baseline),
        }

    def learning(self):
        """The arguments that say how it learns, as they are now."""
        return {
            "reward": self.reward,
            "baseline": self.baseline,
            "num_samples": self.num_samples,
            "entropy_bonus": float(self.entropy_bonus.numpy()),
            "estimator": self.estimator,
            "policy_weight": self.policy_weight,
            "supervision": self.supervision,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes the model from its config."""
        parts = {
            name: keras.saving.deserialize_keras_object(
                config[name], custom_objects
            )
            for name in ("reward", "baseline")
            if name in config
        }
        return super().from_config({**config, **parts}, custom_objects)

    def _supervised_loss(self, choices, places, sample_weight):
        self._learned_places = places is not None and bool(
            known_places.taught(self, choices.layers)
        )
        if not self._learned_places:
            return 0.0
        loss, count = known_places.total_loss_and_count(
            self, choices.layers, places, sample_weight
        )
        self.supervised_tracker.update_state(loss, count)
        return self.supervision * loss

    def _call_telling(self, *args, **kwargs):
        """Calls the model, and tells its layers whether it trains."""
        if self._call_takes_training or "training" not in kwargs:
            return super().__call__(*args, **kwargs)
        context = self._get_call_context()
        context.set_value("training", kwargs.pop("training"))
        try:
            return super().__call__(*args, **kwargs)
        finally:
            self._maybe_reset_call_context()

    def _rollouts_in(self, args, kwargs):
        """How many a call of the model takes."""
        if not kwargs.get("training"):  # Keras takes it by name alone
            return 1
        symbolic = any(
            isinstance(value, keras.KerasTensor)
            for value in keras.tree.flatten((args, kwargs))
        )
        inside = rollouts.current() is not None  # of the model outside
        return 1 if symbolic or inside else self._num_rollouts()

    def _lacks_outcomes(self):
        """Whether it was built by another than `__call__`: of a file, say."""
        exact = self.estimator == "exact"
        return self.built and exact and self._outcomes is None

    def _num_rollouts(self):
        return (
            self.num_samples if self._outcomes is None else len(self._outcomes)
        )

    def _run_symbolically(self, *args, **kwargs):
        """Runs the model once to know what it attends to, and how often."""
        if not self._call_takes_training:
            kwargs.pop("training", None)
        choices = symbolic_calls.choices_of_call(self.call, args, kwargs)
        self._prepare_for(choices)
        if self.estimator == "exact":
            self._outcomes = exact_sum.outcomes_of(self, choices)
        if self._num_rollouts() > 1 and choices.rewarded:
            symbolic_calls.check_rollouts(
                self.call, self._num_rollouts(), args, kwargs
            )

    def _prepare_for(self, choices):
        """Builds the baseline, which needs to know what is attended to."""
        self._samples_places |= any(
            "location_mean" in values for values in choices.layers.values()
        )
        if choices.rewarded and not self.baseline.built:
            shapes = {
                name: tuple(values["query"].shape)
                for name, values in choices.rewarded.items()
            }
            self.baseline.build(shapes)

    def _retrace(self, function):
        policy = scope.policy_scope()
        changed = self._traced_under.get(function) is not policy
        self._traced_under[function] = policy
        return changed
