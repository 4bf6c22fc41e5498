"""Means with intervals over seeds.

All runs of a seed start from the same point, so runs are not independent, seeds are: a seed's runs are averaged first
and the bootstrap draws whole seeds.
"""

from functools import lru_cache

import numpy as np

# More seeds than this are bootstrapped in this many groups of neighbours: groups are independent too, and cheaper.
GROUPS = 1000


def seed_means(values):
    """Mean over all axes but the last (seed), NaN ignored; NaN for a seed without a value. values: [..., seed]"""
    flat = np.asarray(values, dtype=float).reshape(-1, np.shape(values)[-1])
    there = np.isfinite(flat)
    count = there.sum(axis=0)
    total = np.where(there, flat, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def bootstrap_interval(means, level=0.95, draws=2000, random_seed=1):
    """(mean, low, high) of the values of the seeds: percentile bootstrap of the mean. NaN where there are none.

    The interval of a single seed is unknown, not zero: low and high are NaN then.
    """
    means = np.asarray(means, dtype=float)
    means = means[np.isfinite(means)]
    if means.size == 0:
        return np.nan, np.nan, np.nan
    if means.size == 1:
        return float(means[0]), np.nan, np.nan
    generator = np.random.default_rng(random_seed)
    drawn = means[generator.integers(0, means.size, size=(draws, means.size))].mean(axis=1)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(means.mean()), float(low), float(high)


@lru_cache(maxsize=4)
def resampling(count, draws=2000, random_seed=1):
    """[draw, i]: how often the bootstrap takes value i of count; the draws of bootstrap_interval."""
    taken = np.random.default_rng(random_seed).integers(0, count, size=(draws, count))
    flat = taken + count * np.arange(draws)[:, np.newaxis]
    return np.bincount(flat.ravel(), minlength=draws * count).reshape(draws, count).astype(float)


def bootstrap_intervals(columns, level=0.95):
    """bootstrap_interval of every column at once: [3, column] of (mean, low, high). columns: [seed, column], NaN where
    a seed has no value. All columns that have the same number of values share their draws."""
    columns = np.asarray(columns, dtype=float)
    counts = np.isfinite(columns).sum(axis=0)
    result = np.full((3, columns.shape[1]), np.nan)
    for count in np.unique(counts[counts > 0]):
        at = np.flatnonzero(counts == count)
        for part in np.array_split(at, -(-at.size // 500)):
            values = columns[:, part].T
            values = values[np.isfinite(values)].reshape(part.size, count)
            result[0, part] = values.mean(axis=1)
            if count > 1:
                result[1:, part] = _quantiles(values, level)
    return result


def _quantiles(values, level):
    if values.shape[1] > GROUPS:
        groups = np.array_split(np.arange(values.shape[1]), GROUPS)
        values = np.stack([values[:, group].mean(axis=1) for group in groups], axis=1)
    # From the middle, so that equal values give themselves and not their sum's rounding.
    middle = values.mean(axis=1)
    drawn = resampling(values.shape[1]) @ (values - middle[:, np.newaxis]).T / values.shape[1]
    return np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0) + middle
