"""What the interactive heatmaps show: one number per cell and measure, the seeds folded in here.

A million runs are some ten thousand cells, so the page holds cells, never runs. Measures with a mean are averaged over
the converged runs; steps are medians over all finished runs, a run that never got there counting as longer than any.
"""

import numpy as np
import xarray as xr

from analysis.evidence import FINISHED
from analysis.sweep import RUN_AXES, STATUSES

VALUES_MOST = 8_000_000  # 4 bytes each, before compression; measures beyond it are left out, the last ones first

# The order of the menu.
MEASURES = ("max_share", "participation_ratio", "alignment_init", "hessian_trace_limit", "hessian_trace", "excess_loss",
            "norm", "winner_rank", "hessian_max", "alignment_init_active", "support", "active", "active_init", "loss",
            "norm_min", "norm_max", "participation_ratio_init")
TIMES = ("steps_sparse", "steps", "steps_norm")


def cell_tables(path):
    """(measures, left_out): {name: (label, array over RUN_AXES without seed)} in float32, NaN where there is none, and
    the names of those that would have made the page too large."""
    with xr.open_dataset(path, engine="h5netcdf") as sweep:
        status = sweep["status"].transpose(*RUN_AXES).values
        tables = _outcomes(status)
        room = max(VALUES_MOST // max(status[..., 0].size, 1) - len(tables), 1)
        order = [name for name in (*MEASURES[:4], *TIMES[:1], *MEASURES[4:], *TIMES[1:]) if name in sweep]
        for name in order[:room]:
            tables[name] = _table(sweep[name].transpose(*RUN_AXES), status)
    return tables, order[room:]


def _outcomes(status):
    """Shares of the seeds by status, those that occur."""
    counts = {name: (status == value).sum(axis=-1) for value, name in enumerate(STATUSES)}
    fits = status.shape[-1] - counts["skipped"] - counts["not_needed"]
    tables = {}
    for name, count in counts.items():
        if name == "converged" or (name not in ("skipped", "not_needed") and count.any()):
            with np.errstate(invalid="ignore", divide="ignore"):
                share = np.where(fits > 0, count / fits, np.nan)
            tables[name] = (f"share of runs: {name.replace('_', ' ')}", share.astype(np.float32))
    return tables


def _table(variable, status):
    label, values = variable.attrs.get("long_name", variable.name), variable.values
    if variable.name in TIMES:
        return f"median {label}", _medians(values, np.isin(status, [STATUSES.index(one) for one in FINISHED]))
    there = (status == STATUSES.index("converged")) & np.isfinite(values)
    count = there.sum(axis=-1)
    total = np.where(there, values, 0.0).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return f"mean {label}", np.where(count > 0, total / count, np.nan).astype(np.float32)


def _medians(values, finished):
    """The upper median of the finished runs of a cell; NaN where half of them never got there."""
    times = np.sort(np.where(finished & (values >= 0), values, np.inf), axis=-1)  # unfinished ones are last, too
    middle = (finished.sum(axis=-1) // 2)[..., np.newaxis]
    found = np.take_along_axis(times, np.minimum(middle, times.shape[-1] - 1), axis=-1)[..., 0]
    return np.where(np.isfinite(found) & finished.any(axis=-1), found, np.nan).astype(np.float32)
