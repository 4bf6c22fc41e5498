"""One tested number: an estimate from the seeds of a cell beside what a derivation predicts for it.

Every constructor returns a Row with two p-values. `p_equivalent` belongs to the hypothesis that the truth is at least
`margin` away from `predicted` (two one-sided tests, TOST): small means shown to agree. `p_different` belongs to the
hypothesis that it is at most `margin` away: small means shown to disagree. Neither small: too few seeds to tell. A row
without a prediction (fitted) has an interval and no p-values.

Values are one per seed, in the order of the seeds, since cells share starts and seeds are what is independent: average
over everything else first, and pair contrasts by seed.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

LEVEL = 0.99  # of the intervals
FEWEST_SEEDS = 16  # Student's t is for means of more values than this


@dataclass
class Row:
    cell: dict  # the coordinates in words, such as {"activation": "relu", "dimension": 64}
    quantity: str  # "mean", "median", "proportion", or the name of a fitted constant
    estimate: float
    low: float  # interval at LEVEL; infinite where the data do not bound it
    high: float
    count: int  # seeds that it rests on
    predicted: float = None
    margin: float = None
    p_equivalent: float = None
    p_different: float = None
    note: str = ""
    outcome: str = ""  # of a row with a prediction, once all rows are judged together: agrees, differs or undecided


def mean_row(cell, values, predicted=None, margin=None, note=""):
    """The mean of values, one per seed; NaN (a seed without a value) is left out and counted in the note."""
    values = np.asarray(values, dtype=float)
    there = values[np.isfinite(values)]
    if there.size < values.size:
        note = _join(note, f"{values.size - there.size} of {values.size} seeds without a value")
    if there.size < FEWEST_SEEDS:
        mean = float(there.mean()) if there.size else np.nan
        row = Row(cell, "mean", mean, -np.inf, np.inf, int(there.size), predicted, margin)
        return _undecided(row, _join(note, f"fewer than {FEWEST_SEEDS} seeds"))
    mean, freedom = float(there.mean()), there.size - 1
    error = max(float(there.std(ddof=1)) / np.sqrt(there.size), 4e-16 * abs(mean), 1e-300)
    low, high = stats.t.interval(LEVEL, freedom, mean, error) if error > 1e-300 else (mean, mean)
    row = Row(cell, "mean", mean, float(low), float(high), int(there.size), predicted, margin, note=note)
    if predicted is None:
        return row
    above = stats.t.sf((mean - (predicted - margin)) / error, freedom)  # small: surely above the lower bound
    below = stats.t.cdf((mean - (predicted + margin)) / error, freedom)  # small: surely below the upper bound
    return _decide(row, above, below, 1 - above, 1 - below)


def contrast_row(cell, values, others, predicted=None, margin=None, note=""):
    """The mean of values - others, paired by seed: both have the same seeds in the same order."""
    return mean_row(cell, np.asarray(values, dtype=float) - np.asarray(others, dtype=float), predicted, margin, note)


def bootstrap_row(cell, quantity, estimate, draws, count, note=""):
    """An estimate with the percentile interval of its bootstrap over seeds; for fitted constants, so without a test."""
    draws = np.asarray(draws, dtype=float)
    low, high = -np.inf, np.inf
    if count >= FEWEST_SEEDS and np.isfinite(draws).all():
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Row(cell, quantity, float(estimate), float(low), float(high), int(count), note=note)


def proportion_row(cell, successes, trials, predicted=None, margin=None, note=""):
    """successes of trials, one trial per seed; exact binomial tests, interval of Clopper and Pearson."""
    successes, trials = int(successes), int(trials)
    low, high = clopper_pearson(successes, trials)
    estimate = successes / trials if trials else np.nan
    row = Row(cell, "proportion", estimate, low, high, trials, predicted, margin, note=note)
    if predicted is None:
        return row
    if not trials:
        return _undecided(row, _join(note, "no trial"))
    least, most = max(predicted - margin, 0.0), min(predicted + margin, 1.0)
    # A bound at the end of [0, 1] cannot be crossed.
    above = stats.binom.sf(successes - 1, trials, least) if least > 0 else 0.0
    below = stats.binom.cdf(successes, trials, most) if most < 1 else 0.0
    far_above = stats.binom.sf(successes - 1, trials, most) if most < 1 else 1.0
    far_below = stats.binom.cdf(successes, trials, least) if least > 0 else 1.0
    return _decide(row, above, below, far_below, far_above)


def median_row(cell, times, predicted=None, margin=None, note=""):
    """The median of times, one per seed, infinite where it never happened or was not reached within max_steps.

    Order statistics and exact binomial tests: nothing is assumed about the law of the times, except that it has no
    atom at a bound. With half of the seeds or more censored the median is infinite: "not reached"."""
    times = np.sort(np.asarray(times, dtype=float))
    count = times.size
    if np.isnan(times).any():
        raise ValueError("a time is a number, or infinite: say what a missing run counts as")
    low, high = median_interval(times)
    estimate = median(times)
    censored = int(np.isinf(times).sum())
    if censored:
        note = _join(note, f"{censored} of {count} never")
    row = Row(cell, "median", estimate, low, high, count, predicted, margin, note=note)
    if predicted is None:
        return row
    if not count:
        return _undecided(row, _join(note, "no seed"))
    under = [int((times <= predicted - margin).sum()), int((times <= predicted + margin).sum())]
    # If the median is at a bound, the number of times under it is binomial with probability 1/2.
    above, far_below = stats.binom.cdf(under[0], count, 0.5), stats.binom.sf(under[0] - 1, count, 0.5)
    below, far_above = stats.binom.sf(under[1] - 1, count, 0.5), stats.binom.cdf(under[1], count, 0.5)
    return _decide(row, above, below, far_below, far_above)


def median(times):
    """The median of sorted times, infinite where half of them or more are: never between a number and infinity. NaN of
    none."""
    if not times.size:
        return np.nan
    lower, upper = times[(times.size - 1) // 2], times[times.size // 2]
    return float((lower + upper) / 2) if np.isfinite(upper) else np.inf


def median_interval(times, level=LEVEL):
    """(low, high): order statistics that hold the median with at least the level, by the binomial law; sorted times."""
    outside = _outside(times.size, level)
    if outside == 0:
        return -np.inf, np.inf
    return float(times[outside - 1]), float(times[times.size - outside])


@lru_cache(maxsize=64)
def _outside(count, level):
    """How many values from either end the interval of a median begins."""
    outside = int(stats.binom.ppf((1 - level) / 2, count, 0.5)) if count else 0
    while outside > 0 and stats.binom.cdf(outside - 1, count, 0.5) > (1 - level) / 2:
        outside -= 1
    return outside


@lru_cache(maxsize=4096)
def clopper_pearson(successes, trials, level=LEVEL):
    low = stats.beta.ppf((1 - level) / 2, successes, trials - successes + 1) if successes > 0 else 0.0
    high = stats.beta.ppf((1 + level) / 2, successes + 1, trials - successes) if successes < trials else 1.0
    return float(low), float(high)


def _decide(row, above, below, far_below, far_above):
    row.p_equivalent = float(max(above, below))
    row.p_different = float(min(1.0, 2 * min(far_below, far_above)))
    return row


def _undecided(row, note):
    row.note = note
    if row.predicted is not None:
        row.p_equivalent = row.p_different = 1.0
    return row


def _join(note, more):
    return f"{note}; {more}" if note else more
