"""One step of a loop over time, shared by the drivers."""

import tensorflow as tf

from keras_attention.policies.choices import at_step


class LoopStep:
    """What a step reads at time t, and how it steps.

    Args:
        cell: an `AttentionCell`.
        inputs: what `cell.prepare` made of a static input, or a sequence.
        static: whether the input is the same at every step.
        choices: what `cell.choices` drew for the rollout.
        mask: of a static input what the mechanism takes, of a sequence (B, T)
            booleans, or None.
        task: (B, K), or None.
    """

    def __init__(self, cell, inputs, static, choices, mask, task):
        self.cell = cell
        self.inputs = inputs
        self.static = static
        self.choices = choices
        self.mask = mask
        self.task = task

    def __call__(self, time, states, last_output=None):
        """The states after step `time`, and a dict of what it saw."""
        inputs = self.inputs
        if not self.static:
            inputs = self.cell.prepare(self.inputs[:, time])
        output, new_states, attention = self.cell.step(
            inputs,
            states,
            task=self.task,
            mask=self.mask if self.static else None,
            choices=at_step(self.choices, time),
        )
        if self.mask is not None and not self.static:
            seen = tf.cast(self.mask[:, time], "bool")
            if last_output is None:
                last_output = tf.zeros_like(output)
            output = where_seen(seen, output, last_output)
            # Where nothing changes, nothing was chosen: no reward for it.
            chosen = {
                name: tf.where(seen, attention[name], 0.0)
                for name in ("log_prob", "entropy")
                if name in attention
            }
            attention = {**attention, **chosen}
            new_states = [
                where_seen(seen, new, old)
                for new, old in zip(new_states, states, strict=True)
            ]
        return new_states, {"output": output, **attention}


def where_seen(seen, new, old):
    """The new values of the examples that are seen, the old of the others.

    Args:
        seen: (B,) booleans.
        new: (B, ...).
        old: (B, ...).

    Returns:
        (B, ...).
    """
    ones = [1] * (new.shape.rank - 1)
    return tf.where(tf.reshape(seen, (-1, *ones)), new, old)
