"""Trajectories of the shares of the data points in w: how a dense start loses all points but one."""

import numpy as np

from analysis.style import STYLES, activation_title, new_figure, plain, setting
from analysis.sweep import RUN_AXES, STATUSES, SweepError, distinct_batches

COLOURED = 7  # the eighth style is grey
START = 0.5  # where step 0 is drawn on a logarithmic axis
GREYS = ("0.80", "0.90")


def shares_figure(sweep):
    """The first run of the sweep: a column per batch size (of more than four the smallest, n - 1 and n), above shares
    a_i^2 / sum a_j^2 stacked in the order of the start, below the norm and the effective number of points.

    Needs weights along the run: `record: ladder` and `weights: record` in the grid."""
    if "weights" not in sweep or "record" not in sweep["weights"].dims or sweep.sizes["record"] < 3:
        raise SweepError("no shares along a run in the file: the grid needs record: ladder and weights: record")
    run = sweep.isel({axis: 0 for axis in RUN_AXES if axis != "batch"})
    n, d = int(run["samples"]), int(run["dimension"])
    chosen = distinct_batches(sweep, 0)
    if len(chosen) > 4:
        chosen = [pair for pair in chosen if pair[1] in (chosen[0][1], n - 1, n)]
    name = activation_title(str(run["activation"].values))
    eps = float(run["eps"].isel(batch=chosen[0][0]))
    figure = new_figure(2.0 + 3.2 * len(chosen), 6.4,
                        f"One run at each batch size: {name}, {setting(d, n)}",
                        f"seed {int(run['seed'])}, $\\varepsilon$ = {eps:.3g}; shares of the data points in $w$, "
                        "stacked in the order of the start; the start is drawn at 1/2; vertical line: end of the run")
    axes = figure.subplots(2, len(chosen), sharex=True, sharey="row", squeeze=False, height_ratios=(2, 1))
    steps = np.maximum(sweep["record"].values.astype(float), START)
    paths = [_weights(run.isel(batch=position), size, n) for position, size in chosen]
    colours = _colours(paths)
    for column, ((position, size), weights) in enumerate(zip(chosen, paths)):
        one = run.isel(batch=position)
        _draw(axes[:, column], steps, weights, colours, float(one["steps"]))
        name = "full batch" if size == n else "$b = n - 1$" if size == n - 1 else f"$b = {size}$"
        axes[0, column].set_title(f"{name}, {STATUSES[int(one['status'])].replace('_', ' ')}", fontsize=11)
        axes[1, column].set_xlabel("step")
    ends = [float(run["steps"].isel(batch=position)) for position, _ in chosen]
    for axis in axes[0]:
        axis.set_xlim(START, min(steps[-1], 2 * max(ends)))
    axes[0, 0].set_ylabel("share of a data point in $w$")
    axes[1, 0].set_ylabel("norm of $w$ (line), points\nin $w$ (dashes)")
    return figure


def _weights(one, size, n):
    """[record, point] of one run, points in the order of the start, largest first."""
    weights = one["weights"].isel(feature=slice(0, n)).transpose("record", "feature").values
    if not np.isfinite(weights).any():
        raise SweepError(f"the run at b = {size} is not done")
    return weights[:, np.argsort(-(weights[0] ** 2))]


def _shares(weights):
    squares = weights**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return squares / squares.sum(axis=1, keepdims=True)


def _colours(paths):
    """One a point, the same in every column, which share their start: the points that ever matter most get colours, the
    others alternate in grey, which shows their borders."""
    most = np.max([np.nanmax(_shares(weights), axis=0) for weights in paths], axis=0)
    top = sorted(np.argsort(-most, kind="stable")[:COLOURED])
    return [STYLES[top.index(place)][0] if place in top else GREYS[place % 2] for place in range(most.size)]


def _draw(axes, steps, weights, colours, end):
    squares, shares = weights**2, _shares(weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        points = squares.sum(axis=1) ** 2 / (squares**2).sum(axis=1)
    axes[0].stackplot(steps, shares.T, colors=colours, edgecolor="white", linewidth=0.3)
    axes[0].set_xscale("log")
    axes[0].set_ylim(0, 1)
    axes[1].plot(steps, np.sqrt(squares.sum(axis=1)), color=STYLES[0][0])
    axes[1].plot(steps, points, color=STYLES[1][0], linestyle="--")
    axes[1].set_yscale("log")
    for axis in axes:
        plain(axis, grid="y" if axis is axes[1] else None)
        if end <= steps[-1]:
            axis.axvline(end, color="black", linewidth=1.0, linestyle=":")
