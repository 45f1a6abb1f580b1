"""A Keras model whose `fit` trains hard attention."""

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
    the base of a class with a `call`.

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
            with scope.record_attention() as attention:
                self.compute_output_spec(self.inputs)
            self._build_baseline(attention)

    def __call__(self, *args, **kwargs):
        """Calls the model; what was attended to travels with its outputs."""
        with scope.record_attention() as attention:
            outputs = super().__call__(*args, **kwargs)
        self._build_baseline(attention)
        # As Keras does with masks: kept on the outputs of this one call, so
        # that no state of the model is shared between replicas.
        keras.tree.flatten(outputs)[0]._keras_attention = attention
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
        reward = ops.stop_gradient(ops.cast(self.reward(y, y_pred), "float32"))
        self.reward_tracker.update_state(reward, sample_weight)
        if not training:
            return loss
        extra = self._policy_and_baseline_loss(reward, y_pred, sample_weight)
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

    def _policy_and_baseline_loss(self, reward, y_pred, sample_weight):
        choices = _choices(keras.tree.flatten(y_pred)[0]._keras_attention)
        if not choices:
            raise ValueError(
                "`ReinforceModel` found no layer that samples what it attends "
                "to. Give it a hard attention layer, such as "
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
            losses *= ops.cast(ops.reshape(sample_weight, (-1,)), losses.dtype)
        # Gradients of replicas are summed.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return ops.mean(losses) / replicas

    def _build_baseline(self, attention):
        if not self.baseline.built:
            shapes = {
                name: tuple(choice["query"].shape)
                for name, choice in _choices(attention).items()
            }
            if shapes:
                self.baseline.build(shapes)

    def _retrace(self, function):
        policy = scope.policy_scope()
        changed = self._traced_under.get(function) is not policy
        self._traced_under[function] = policy
        return changed


def _choices(attention):
    """Of what was attended to, that which was sampled."""
    return {
        name: values
        for name, values in attention.items()
        if "log_prob" in values
    }
