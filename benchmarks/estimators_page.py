"""What `estimators.py` measured, as a page of tables and a picture."""

import numpy as np

TEXT = """# Estimators of the gradient of hard attention

Made by `python benchmarks/estimators.py`, which says what the two problems
are: choosing 2 of 8 **items**, and one **place** for a glimpse. All train the
same network for the same reward, the log-probability of the true class.

- *unbiased*: whether its mean is the gradient of the expected reward.
- *variance*: of one estimate, {examples} examples with {rollouts} rollouts of
  each, at a network trained for 6 epochs; mean squared distance from its mean,
  over the squared length of the exact gradient.
- *error of the mean*: distance of the mean of {estimates} estimates from the
  exact gradient, over its length; in brackets what chance alone leaves of it.
  Well above that, it is a bias.
- *accuracy*: of {validation} validation digits, after {epochs} epochs, looking
  without noise: mean of {seeds} seeds (lowest to highest).

![Validation accuracy by epoch, mean of the seeds](estimators.png)

Three seeds tell only large differences apart, most of all for places, where
some runs are far behind after all epochs.
"""
TITLES = {
    "items": "Items: two of eight patches, one after the other",
    "places": "Places: one glimpse of a translated digit",
}
HEADER = """
## {title}

| estimator | set by | unbiased | variance | error of the mean | accuracy |
|---|---|---|---|---|---|
"""
COLORS = (
    *("#8c8c8c", "#b8860b", "#56a0d3", "#1f5fa8", "#117733"),
    *("#111111", "#cc3311", "#aa4499"),
)


def page(estimators, figures, learned, options, sizes):
    """The page, in Markdown."""
    parts = [
        TEXT.format(
            estimates=options.estimates,
            epochs=options.epochs,
            seeds=options.seeds,
            **sizes,
        )
    ]
    for problem, listed in estimators.items():
        parts.append(HEADER.format(title=TITLES[problem]))
        parts += [
            row(one, figures[problem][one.label], learned[problem][one.label])
            for one in listed
        ]
    return "".join(parts)


def row(estimator, figures, runs):
    """One line of a table."""
    variance, error, chance = figures
    last = 100 * runs[:, -1]
    exact = "exact" in estimator.label
    cells = (
        estimator.label,
        f"`{setting(estimator)}`",
        "no" if estimator.biased else "yes",
        "0" if exact else f"{variance:.2f}",
        f"{error:.1e}" if exact else f"{error:.3f} ({chance:.3f})",
        f"{last.mean():.1f} % ({last.min():.1f} to {last.max():.1f})",
    )
    return f"| {' | '.join(cells)} |\n"


def setting(estimator):
    """The argument that chooses an estimator."""
    if estimator.model is None:
        return f'estimator="{estimator.layer}"'
    name = "estimator" if "estimator" in estimator.model else "baseline"
    return f'{name}="{estimator.model[name]}"'


def draw(learned, path):
    """The learning curves, one panel for each problem."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, len(learned), figsize=(11, 4.8), layout="constrained"
    )
    for axis, (problem, curves) in zip(axes, learned.items(), strict=True):
        draw_panel(axis, curves)
        axis.set_title(TITLES[problem], loc="left", fontsize=11)
    axes[0].set_ylabel("validation accuracy, %")
    figure.savefig(path, dpi=130, metadata={"Software": None})
    pyplot.close(figure)


def draw_panel(axis, curves):
    """Means over the seeds, named where they end."""
    epochs = 1 + np.arange(next(iter(curves.values())).shape[1])
    last, named = epochs[-1], 1.06 * epochs[-1]
    means = [100 * runs.mean(axis=0) for runs in curves.values()]
    lines = [
        axis.plot(epochs, mean, color=color, linewidth=1.8)
        for mean, color in zip(means, colors(curves), strict=True)
    ]
    low, high = axis.get_ylim()
    heights = spread([mean[-1] for mean in means], (high - low) / 20)
    heights -= max(heights.max() - high, 0)
    for label, mean, (line,), height in zip(
        curves, means, lines, heights, strict=True
    ):
        color = line.get_color()
        axis.plot([last, named - 0.1], [mean[-1], height], color=color, lw=0.6)
        axis.text(named, height, label, color=color, fontsize=9.5, va="center")
    axis.set_ylim(low, high)
    axis.set_xlim(1, 1.33 * last)
    axis.set_xticks(epochs[1::2])
    axis.set_xlabel("epoch", x=0.36)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", alpha=0.25)


def colors(curves):
    """The same color for the same estimator in all panels."""
    names = (
        *("no baseline", "moving average", "batch mean", "learned baseline"),
        *("leave one out", "exact sum", "straight-through", "relaxed"),
    )
    known = dict(zip(names, COLORS, strict=True))
    return [known.get(label, COLORS[-2]) for label in curves]


def spread(heights, least):
    """Heights in their order, moved apart until labels do not overlap."""
    order = np.argsort(heights)
    placed = np.array(heights, "float64")[order]
    for _ in range(200):
        overlap = np.maximum(least - np.diff(placed), 0) / 2
        placed[:-1] -= overlap
        placed[1:] += overlap
    moved = np.empty_like(placed)
    moved[order] = placed
    return moved
