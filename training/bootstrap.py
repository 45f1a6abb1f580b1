"""Figures in percent, and how sure they are."""

import numpy as np

NUM_BOOTSTRAPS = 2000


def interval(values: np.ndarray, generator: np.random.Generator) -> dict:
    """The mean in percent, and where 95 of 100 bootstrap samples have it.

    A sample draws as many images as there are, with replacement; `values` of
    one image stay together, so that differences are paired.
    """
    # There are at most three different values: draw how often each comes.
    kinds, counts = np.unique(values, return_counts=True)
    count = len(values)
    drawn = generator.multinomial(count, counts / count, NUM_BOOTSTRAPS)
    means = 100 * drawn @ kinds / count
    low, high = np.percentile(means, [2.5, 97.5])
    return {
        "percent": rounded(100 * values.mean()),
        "interval": [rounded(low), rounded(high)],
    }


def percent(values: np.ndarray) -> float | None:
    """The mean in percent, None of nothing."""
    return rounded(100 * np.mean(values)) if np.size(values) else None


def rounded(value: float) -> float | None:
    """To three digits, None of what is no number."""
    return round(float(value), 3) if np.isfinite(value) else None
