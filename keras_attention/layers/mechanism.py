"""What every mechanism of attention has in common: how it is called."""

import keras
import tensorflow as tf

from keras_attention.layers.seeded_layer import SeededLayer
from keras_attention.policies import rollouts, scope
from keras_attention.policies.choices import at_step


class Mechanism(SeededLayer):
    """A layer `(inputs, query) -> attended`, alone or inside a loop.

    A mechanism implements `attend`. Called as a layer it draws its random
    numbers, attends, and tells an open `record_attention` scope what it
    attended to. A cell calls the three parts apart, because what is the same
    at every step is done before the loop:

        prepared = mechanism.prepare(inputs, mask)                    once
        choices  = mechanism.choices(inputs, num_steps, training)     once
        attended, attention = mechanism.attend(
            prepared, query, mask, choices at this step)              per step

    Args:
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        inputs: what is looked at; the mechanism says its shape.
        query: (B, Q), what the state says to look for, or None.
        mask: booleans, False where nothing is to be attended to, or None.
        training: whether hard attention samples, and dropout drops.
        return_attention: whether to return what was attended to as well.

    Output:
        The attended input, or with `return_attention=True`
        `(attended, attention)` with a dict of tensors in float32.
    """

    # Whether it samples, and so takes several rollouts of the same input.
    samples = False

    def __init__(self, **kwargs):
        # Each casts what it computes with; noise and locations stay float32.
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True

    def prepare(self, inputs, mask=None):
        """Computes once what every step needs of the same inputs.

        Args:
            inputs: what is looked at.
            mask: its mask, or None.

        Returns:
            Tensor, or nested tensors.
        """
        return inputs

    def choices(self, inputs, num_steps, training=False):
        """Draws the random numbers of a rollout, each (B, T, ...).

        Args:
            inputs: the inputs of one step, not prepared.
            num_steps: T.
            training: whether to sample where no scope says otherwise.

        Returns:
            Dict of tensors, empty where nothing is random.
        """
        return {}

    def attend(self, inputs, query=None, mask=None, choices=None):
        """One step: attends to prepared inputs, given the random numbers.

        Args:
            inputs: what `prepare` returned.
            query: (B, Q) or None.
            mask: booleans or None.
            choices: one step of what `choices(...)` drew, each (B, ...);
                None and an empty dict for the mode.

        Returns:
            `(attended, attention)`.
        """
        raise NotImplementedError

    def call(
        self,
        inputs,
        query=None,
        mask=None,
        training=False,
        return_attention=False,
    ):
        """Attends once."""
        if mask is None:  # with a query Keras does not fill it in
            mask = getattr(inputs, "_keras_mask", None)
        prepared = self.prepare(inputs, mask)
        if self.samples:
            inputs, prepared, query, mask = rollouts.repeated(
                (inputs, prepared, query, mask)
            )
        choices = at_step(self.choices(inputs, 1, training), 0)
        attended, attention = self.attend(prepared, query, mask, choices)
        if query is None:  # a learned baseline then expects a constant
            query = tf.zeros((tf.shape(inputs)[0], 1))
        scope.record(self.name, {**attention, "query": query})
        return (attended, attention) if return_attention else attended

    def compute_mask(self, inputs, mask=None):
        """No mask goes on: what is attended to is no longer the inputs."""

    def compute_output_spec(self, *args, **kwargs):
        """What `call` returns, traced on symbolic tensors."""
        return keras.Operation.compute_output_spec(self, *args, **kwargs)


def check_shape(name, shape, form):
    """Raises `ValueError` unless a shape has the rank of its form.

    Args:
        name: name of the argument.
        shape: its shape.
        form: what was expected, such as `"(batch, items, features)"`.
    """
    if len(shape) != form.count(",") + 1:
        raise ValueError(
            f"`{name}` must have the shape {form}. "
            f"Received: {name}.shape={tuple(shape)}"
        )


def check_query(query_shape, inputs_shape, name="query"):
    """Raises `ValueError` unless there is one query for each input.

    Args:
        query_shape: its shape, (B, Q).
        inputs_shape: shape of the inputs.
        name: name of the argument.
    """
    check_shape(name, query_shape, "(batch, features)")
    sizes = (query_shape[0], inputs_shape[0])
    if None not in sizes and sizes[0] != sizes[1]:
        raise ValueError(
            f"`{name}` must have the batch of `inputs`. Received: "
            f"{name}.shape={tuple(query_shape)}, "
            f"inputs.shape={tuple(inputs_shape)}"
        )


def check_mask(mask_shape, expected):
    """Raises `ValueError` unless a mask has one value for each place.

    Args:
        mask_shape: shape of the mask.
        expected: the shape it must have; None is any size.
    """
    fits = len(mask_shape) == len(expected) and all(
        None in (size, other) or size == other
        for size, other in zip(mask_shape, expected, strict=True)
    )
    if not fits:
        raise ValueError(
            f"`mask` must have the shape {tuple(expected)}. "
            f"Received: mask.shape={tuple(mask_shape)}"
        )
