"""A Keras model whose `fit` trains hard attention."""

import functools

import keras
import tensorflow as tf
from keras import ops

from keras_attention.models.baseline import LearnedBaseline
from keras_attention.policies import reinforce, scope


@keras.saving.register_keras_serializable("keras_attention")
class ReinforceModel(keras.Model):
    """A `keras.Model` whose plain `compile` and `fit` train hard attention.

    The compiled loss trains the recogniser by back-propagation. What samples
    (the `log_prob` of every attention layer in the model) is trained with
    REINFORCE on a reward, and a baseline learns to expect that reward:

        gradient of   loss                                    (compiled)
                    - mean_b sum_t log_prob[b, t] * (R[b] - baseline[b, t])
                    + mean_b mean_t (R[b] - baseline[b, t])^2

    (Mnih et al. 2014, equations 2 and 3.) The `loss` that `fit` reports is
    the compiled one: the value of the other two terms means nothing, only
    their gradients do. `fit` shows `reward` and `baseline_error` besides.
    Sample and class weights weigh all three terms. Nothing of Keras's
    training loop is replaced.

    Use it as `keras.Model` is used: `ReinforceModel(inputs, outputs)`, or as
    the base of a class with a `call`. (`keras.models.clone_model` makes the
    clone with the default reward and baseline; `from_config` keeps yours.)

    Args:
        *args: of `keras.Model`.
        reward: function `(y_true, y_pred) -> (B,)`; by default 1 where the
            class with the highest score is the true one.
        baseline: layer that maps the queries of the choices to expected
            rewards; by default a `LearnedBaseline`.
        **kwargs: of `keras.Model`.

    Raises:
        ValueError: in `fit`, if no layer of the model samples.

    Example:
    >>> images = keras.Input((28, 28, 1))
    >>> cell = GlimpseCell(8)
    >>> features = RecurrentAttention(cell, num_glimpses=6)(images)
    >>> model = ReinforceModel(images, keras.layers.Dense(10)(features))
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile("adam", loss, metrics=["accuracy"])
    >>> x, y = np.zeros((4, 28, 28, 1), "float32"), np.zeros(4, "int32")
    >>> history = model.fit(x, y, verbose=0)
    >>> sorted(history.history)
    ['accuracy', 'baseline_error', 'loss', 'reward']

    Reference:
        Mnih, Heess, Graves, Kavukcuoglu 2014, Recurrent Models of Visual
        Attention, https://arxiv.org/abs/1406.6247
    """

    def __new__(cls, *args, **kwargs):
        """Gives models of inputs and outputs a class of their own."""
        if len(args) > 1 or "outputs" in kwargs:
            cls = _functional_class(cls)
        return super().__new__(cls, *args, **kwargs)

    def __init__(
        self, *args, reward=reinforce.correct_at_end, baseline=None, **kwargs
    ):
        super().__init__(*args, **kwargs)
        self.reward = reward
        self.baseline = baseline or LearnedBaseline(name="baseline")
        self.reward_tracker = keras.metrics.Mean(name="reward")
        self.baseline_tracker = keras.metrics.Mean(name="baseline_error")
        self._traced_under = {}
        if hasattr(self, "_inputs_struct"):  # built of inputs and outputs
            self._run_symbolically(self._inputs_struct)

    def __call__(self, *args, **kwargs):
        """Calls the model; what was attended to travels with its outputs."""
        if not self.built and type(self).build is keras.Model.build:
            with keras.name_scope(self.name):
                self._run_symbolically(*args, **kwargs)
        with scope.record_attention() as attention:
            outputs = super().__call__(*args, **kwargs)
        choices = _choices(attention)
        self._build_baseline(choices)
        # As Keras does with masks: kept on the outputs of this one call, so
        # that no state of the model is shared between replicas.
        keras.tree.flatten(outputs)[0]._keras_attention = choices
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
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        reward = self._reward(y, y_pred)
        if sample_weight is not None:
            sample_weight = ops.reshape(sample_weight, (-1,))
        self.reward_tracker.update_state(reward, sample_weight)
        choices = getattr(keras.tree.flatten(y_pred)[0], "_keras_attention", {})
        if not training and not choices:
            return loss
        extra = self._policy_and_baseline_loss(reward, choices, sample_weight)
        if not training:
            return loss
        return loss + ops.cast(extra - ops.stop_gradient(extra), loss.dtype)

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
        """The model, its reward and its baseline."""
        return {
            **super().get_config(),
            "reward": keras.saving.serialize_keras_object(self.reward),
            "baseline": keras.saving.serialize_keras_object(self.baseline),
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

    def _reward(self, y, y_pred):
        reward = self.reward(y, y_pred)
        if len(reward.shape) != 1:
            raise ValueError(
                "`reward` must return one number for each example, (batch,). "
                f"Received: reward.shape={tuple(reward.shape)}"
            )
        return ops.stop_gradient(ops.cast(reward, "float32"))

    def _policy_and_baseline_loss(self, reward, choices, sample_weight):
        if not choices:
            raise ValueError(
                "`ReinforceModel` found no layer that samples what it attends "
                "to. Give it a hard attention layer (driven by "
                "`RecurrentAttention`, not by `keras.layers.RNN`), such as "
                "`RecurrentAttention(GlimpseCell(8), num_glimpses=6)`, or use "
                "`keras.Model`."
            )
        baselines = self.baseline(
            {name: choice["query"] for name, choice in choices.items()}
        )
        losses = 0.0
        for name, choice in choices.items():
            baseline = ops.cast(baselines[name], "float32")
            error = reinforce.baseline_loss(reward, baseline)
            self.baseline_tracker.update_state(error, sample_weight)
            losses += error + reinforce.policy_loss(
                choice["log_prob"], reward, baseline
            )
        if sample_weight is not None:
            losses *= ops.cast(sample_weight, losses.dtype)
        # Gradients of replicas are summed.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return ops.mean(losses) / replicas

    def _run_symbolically(self, *args, **kwargs):
        """Builds the baseline, which needs to know what is attended to."""
        args, kwargs = keras.tree.map_structure(
            lambda value: (
                tf.TensorSpec(value.shape, value.dtype)
                if hasattr(value, "shape")
                else value
            ),
            (args, kwargs),
        )
        recorded = []

        def run(*args, **kwargs):
            with scope.record_attention() as attention:
                self.call(*args, **kwargs)
            recorded.append(_choices(attention))

        # Traced twice where it makes variables.
        tf.function(run, autograph=False).get_concrete_function(*args, **kwargs)
        self._build_baseline(recorded[-1])

    def _build_baseline(self, choices):
        if not self.baseline.built:
            shapes = {
                name: tuple(choice["query"].shape)
                for name, choice in choices.items()
            }
            if shapes:
                self.baseline.build(shapes)

    def _retrace(self, function):
        policy = scope.policy_scope()
        changed = self._traced_under.get(function) is not policy
        self._traced_under[function] = policy
        return changed


@functools.cache
def _functional_class(cls):
    """The class of the models of class `cls` made of inputs and outputs.

    Keras makes such a model functional by changing the bases of its class, and
    of all classes above it, for good: after that no model that defines a
    `call` of its own works. A class that is functional already is left alone.
    """
    functional = type(keras.Model.__new__(keras.Model, None, None))
    if issubclass(cls, functional):
        return cls
    names = {"__module__": cls.__module__, "__doc__": cls.__doc__}
    made = type(cls.__name__, (cls, functional), names)
    package, separator, name = keras.saving.get_registered_name(cls).rpartition(
        ">"
    )
    if separator:
        keras.saving.register_keras_serializable(package, name)(made)
    return made


def _choices(attention):
    """Of what was attended to, that which was sampled, over time.

    A layer outside a loop chooses once: its time axis has size 1.
    """
    return {
        name: {
            "query": _over_time(values["query"], 3),
            "log_prob": _over_time(values["log_prob"], 2),
        }
        for name, values in attention.items()
        if "log_prob" in values
    }


def _over_time(value, rank):
    return value if len(value.shape) == rank else value[:, None]
