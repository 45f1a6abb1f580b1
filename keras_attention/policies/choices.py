"""The random numbers of a rollout, drawn before the loop: step by step."""


def at_step(choices, time):
    """What decides one step.

    Args:
        choices: dict of (B, T, ...) tensors, drawn for a whole rollout.
        time: the step, a number or a scalar tensor.

    Returns:
        Dict of (B, ...) tensors.
    """
    return {name: value[:, time] for name, value in choices.items()}
