"""Every cell on its own: how its runs end, with what certainty, and how long they take to one data point.

A cell has one run a seed, so its runs are independent: proportions have intervals of Clopper and Pearson, times medians
as order statistics with exact binomial intervals. A run that never got to one data point, dead and diverged ones
included, counts as longer than any; where that is half of the runs or more, the median is "not reached".
"""

import numpy as np

from analysis.evidence import FINISHED
from analysis.rows import LEVEL, clopper_pearson, median, median_interval
from analysis.sweep import STATUSES

WIDTH = 80
OTHERS = tuple(name for name in STATUSES if name not in ("converged", "skipped", "not_needed"))


def cells_of(evidence):
    """A dictionary for each cell: coordinates, counts by status, converged and steps_sparse with intervals. Infinite:
    not reached, or not bounded by so few seeds."""
    found = []
    for cell, at in evidence.cells():
        counts = np.bincount(evidence.status[at].ravel(), minlength=len(STATUSES))
        done = int(counts[[STATUSES.index(name) for name in FINISHED]].sum())
        converged = int(counts[STATUSES.index("converged")])
        times = evidence.times("steps_sparse", at)
        times = np.sort(times[~np.isnan(times)])
        low, high = clopper_pearson(converged, done)
        early, late = median_interval(times)
        found.append({**cell, **{name: int(count) for name, count in zip(STATUSES, counts)},
                      "converged_share": {"value": converged / done if done else np.nan, "low": low, "high": high},
                      "steps_sparse": {"median": median(times), "low": early, "high": late,
                                       "never": int(np.isinf(times).sum())}})
    return found


def format_cells(cells):
    head = f"{'b':>6}{'eps':>9}{'runs':>6}  {'converged':<22}{'steps to one data point':<31}others"
    lines, previous = [head, "-" * WIDTH], None
    for cell in cells:
        group = f"{cell['activation']}, {cell['sampling'].replace('_', ' ')}, "
        group += f"d = {cell['dimension']}, n = {cell['samples']}"
        if group != previous:
            lines.append(group)
            previous = group
        share, steps = cell["converged_share"], cell["steps_sparse"]
        runs = sum(cell[name] for name in STATUSES if name not in ("skipped", "not_needed"))
        line = f"{cell['batch_size']:>6}{cell['eps']:>9.3g}{runs:>6}  "
        line += f"{share['value']:.3f} ({share['low']:.3f}-{share['high']:.3f})".ljust(22)
        others = " ".join(f"{cell[name]} {name}" for name in OTHERS if cell[name])
        lines.append((line + _steps(steps).ljust(31) + others).rstrip())
    lines += ["-" * WIDTH, f"In brackets exact {LEVEL:.0%} intervals over seeds; a run that never gets there counts as",
              "longer than any."]
    return "\n".join(lines)


def _steps(steps):
    bounds = "-".join("?" if not np.isfinite(value) else f"{value:.4g}" for value in (steps["low"], steps["high"]))
    if not np.isfinite(steps["median"]):
        return "not reached" + (f" (from {steps['low']:.4g})" if np.isfinite(steps["low"]) else "")
    return f"{steps['median']:.4g} ({bounds})"
