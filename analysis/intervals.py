"""Means with intervals over seeds.

All runs of a seed start from the same point, so runs are not independent, seeds are: a seed's runs are averaged first
and the bootstrap draws whole seeds.
"""

import numpy as np


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
