"""What `fit` shows of choices and of the reward that they earned."""

from keras_attention.models import policy_losses


def update(model, choices, reward, losses):
    """Updates the metrics of a `ReinforceModel`.

    Args:
        model: the model.
        choices: `Choices` of a call of it.
        reward: its `WeightedReward`.
        losses: what `policy_losses.policy_and_baseline_losses` returned.
    """
    weight = reward.metric_weight()
    model.reward_tracker.update_state(reward.total, weight)
    for _, error in losses:
        model.baseline_tracker.update_state(error, weight)
    for entropy, counts in policy_losses.entropies(choices, reward):
        model.entropy_tracker.update_state(entropy, reward.weighted(counts))
    for values in choices.layers.values():
        if "location_mean" in values:
            _, counts = reward.of_choices(values)
            model.location_tracker.update_state(
                values["location_mean"],
                values["location"],
                reward.weighted(counts),
            )
