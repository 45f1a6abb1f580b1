"""A model that looks at each image until it is sure of it."""

from keras_attention.layers.until_sure import UntilSure, checked_threshold
from keras_attention.models import split
from keras_attention.models.returns_baseline import LeaveOneOutBaseline


def until_sure(model, threshold):
    """Makes the model that ends its glimpses where it is sure of the class.

    For each image alone: once the highest softmax probability of the scores
    after a glimpse is at least `threshold`, no more glimpses are taken of it
    and those are its scores. It shares the layers of the given model, and is
    for inference; see `layers.UntilSure`.

    What it attended to says, besides, how many glimpses were taken:
    `num_glimpses` (B,). From there on the last of what was attended to is
    repeated.

    Args:
        model: functional model  images -> encoder -> `RecurrentAttention`
            over a static input -> head, such as `ram()`. The head is all
            that follows: layers that depend on the last output of the driver
            and on nothing else. It gives scores, not their softmax.
        threshold: a probability above 0. At 1 all glimpses are taken.

    Returns:
        A model of the same inputs and outputs: an `ImageClassifier` or a
        `ReinforceModel` where the given model is one. Places that come with
        the labels do not count in its `evaluate`.

    Raises:
        ValueError: if `threshold` is not in (0, 1], or the model cannot be
            split so.

    Example:
    >>> model = until_sure(ram(num_glimpses=3), 0.05)
    >>> with keras_attention.record_attention() as attention:
    ...     scores = model(np.zeros((2, 28, 28, 1), "uint8"))
    >>> scores.shape, attention["glimpses"]["num_glimpses"].numpy()
    (TensorShape([2, 10]), array([1, 1], dtype=int32))
    """
    threshold = checked_threshold(threshold)
    parted = split.split(model)
    driver = parted.driver
    if driver.return_sequences:
        raise ValueError(
            "What follows the driver must read its last output: make it with "
            "`return_sequences=False`. Received: "
            f"driver={driver.name!r} with return_sequences=True"
        )
    look = UntilSure(
        driver.cell,
        parted.head,
        driver.num_glimpses,
        threshold,
        name=driver.name,
        dtype=driver.dtype_policy,
    )
    scores = look(*parted.args, **parted.kwargs)
    name = f"{model.name}_until_sure"
    return split.model_like(
        model, parted.inputs, scores, name, **_of_inference(model)
    )


def _of_inference(model):
    """What does without the rollouts that are for training."""
    changes = {"num_samples": 1, "estimator": "score_function"}
    if isinstance(getattr(model, "baseline", None), LeaveOneOutBaseline):
        changes["baseline"] = "none"  # the same, where there is one rollout
    return changes
