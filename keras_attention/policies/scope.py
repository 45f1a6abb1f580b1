"""Scopes that choose what a whole model attends to, and read what it did.

`policy` steers every hard attention below it, `record_attention` collects
what every attention layer below it attended to. Both reach layers anywhere
in a model without a change to the model or to its outputs.
"""

import contextlib
import dataclasses
import threading
from typing import Any

NAMES = ("sample", "mode", "random", "center")


@dataclasses.dataclass(frozen=True, eq=False)
class Policy:
    """How hard attention decides; compared by identity.

    Attributes:
        name: one of `NAMES`, or None where places or items are given.
        location: given locations, or None.
        indices: given indices of items, or None.
    """

    name: str | None = None
    location: Any = None
    indices: Any = None


SAMPLE, MODE = Policy("sample"), Policy("mode")

# Process-wide, since tf.distribute runs each replica in a thread of its own.
_policies = []
_recorders = threading.local()
_symbolic = threading.local()


@contextlib.contextmanager
def policy(name=None, *, location=None, indices=None):
    """Chooses what hard attention does, for all models called in the scope.

    Outside any scope hard attention samples in training and takes the mode
    otherwise. An inner scope replaces an outer one. A scope reaches all threads
    of the process: of several that are open, the last one opened.

    Args:
        name: `"sample"` draws from the learned distribution, `"mode"` takes
            its most probable value, `"random"` draws uniformly over all
            places or items, `"center"` looks at the centre.
        location: instead of a name, the (x, y) to look at: (2,), (B, 2), or
            (B, T, 2) with one for each of T glimpses.
        indices: instead of a name, the indices of the items to attend to.

    `predict`, `evaluate` and `fit` of a `ReinforceModel` follow the scope. A
    plain `keras.Model` runs what it traced first: call the model itself, or
    `make_predict_function(force=True)` in the scope and after it.

    In `fit` under a scope other than `"sample"` the policy gradient is biased:
    it is taken at choices that the policy did not make.

    Raises:
        ValueError: unless exactly one of the three is given and the name is
            known.

    Example:
    >>> look = RecurrentAttention(GlimpseCell(8), num_glimpses=6)
    >>> images = np.zeros((1, 28, 28, 1), "float32")
    >>> with keras_attention.policy("center"):
    ...     features, attention = look(images, return_attention=True)
    >>> attention["location"][0, 5].numpy()
    array([0., 0.], dtype=float32)
    """
    given = [value is not None for value in (name, location, indices)]
    if sum(given) != 1 or (name is not None and name not in NAMES):
        raise ValueError(
            f"`policy` takes one of the names {NAMES}, or `location=`, or "
            f"`indices=`. Received: name={name!r}, location={location}, "
            f"indices={indices}"
        )
    chosen = Policy(name, location, indices)
    if name == "sample":
        chosen = SAMPLE
    elif name == "mode":
        chosen = MODE
    _policies.append(chosen)
    try:
        yield
    finally:
        _close(chosen)


def _close(chosen):
    """Ends the scope of a policy: the last of it, others may be open since."""
    for i in reversed(range(len(_policies))):
        if _policies[i] is chosen:
            del _policies[i]
            return


def current_policy(training):
    """The policy in force for a layer that is called now."""
    if _policies:
        return _policies[-1]
    return SAMPLE if training else MODE


def policy_scope():
    """The policy of the innermost scope, or None outside all scopes."""
    return _policies[-1] if _policies else None


@contextlib.contextmanager
def record_attention():
    """Collects what the attention layers called in the scope attended to.

    Yields:
        A dict that fills as layers are called: the name of a layer to its
        attention, a dict of tensors. A layer that is called again is there
        again under its name with `_1`, `_2`, ... appended. Loops over time
        (`RecurrentAttention`) are there as one layer, with a time axis.
        Call the model itself: `predict` and `fit` run a compiled function,
        in which these tensors have no values.

    Example:
    >>> model = ram(num_glimpses=6)
    >>> with keras_attention.record_attention() as attention:
    ...     scores = model(np.zeros((1, 28, 28, 1), "float32"))
    >>> attention["glimpses"]["location"].shape
    TensorShape([1, 6, 2])
    """
    if not hasattr(_recorders, "stack"):
        _recorders.stack = []
    recorded = {}
    _recorders.stack.append(recorded)
    try:
        yield recorded
    finally:
        _recorders.stack.pop()


@contextlib.contextmanager
def record_nothing():
    """Hides the open recorders: inside a layer that records for its parts."""
    stack = getattr(_recorders, "stack", [])
    _recorders.stack = []
    try:
        yield
    finally:
        _recorders.stack = stack


def record(name, attention):
    """Gives what layer `name` attended to to every open recorder."""
    for recorded in getattr(_recorders, "stack", ()):
        key, count = name, 0
        while key in recorded:
            count += 1
            key = f"{name}_{count}"
        recorded[key] = attention


@contextlib.contextmanager
def only_shapes():
    """Lets loops take one step in place of all: only shapes are asked for."""
    before = asks_for_shapes()
    _symbolic.only_shapes = True
    try:
        yield
    finally:
        _symbolic.only_shapes = before


def asks_for_shapes():
    """Whether values do not matter to who calls a layer now."""
    return getattr(_symbolic, "only_shapes", False)
