"""Trajectories of the shares of the data points in w: how a dense start loses all points but one."""

import numpy as np

from analysis.style import STYLES, activation_title, new_figure, plain, setting
from analysis.sweep import RUN_AXES, STATUSES, SweepError, distinct_batches

COLOURED = len(STYLES)
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
                        "stacked in the order of the start; the first step drawn is 1; vertical line: end of the run")
    axes = figure.subplots(2, len(chosen), sharex=True, sharey="row", squeeze=False, height_ratios=(2, 1))
    steps = np.maximum(sweep["record"].values.astype(float), 1.0)
    for column, (position, size) in enumerate(chosen):
        one = run.isel(batch=position)
        weights = one["weights"].isel(feature=slice(0, n)).transpose("record", "feature").values
        status = STATUSES[int(one["status"])]
        if status == "pending" or not np.isfinite(weights).any():
            raise SweepError(f"the run at b = {size} is not done")
        _draw(axes[:, column], steps, weights, float(one["steps"]))
        name = "full batch" if size == n else "$b = n - 1$" if size == n - 1 else f"$b = {size}$"
        axes[0, column].set_title(f"{name}, {status.replace('_', ' ')}", fontsize=11)
        axes[1, column].set_xlabel("step")
    ends = [float(run["steps"].isel(batch=position)) for position, _ in chosen]
    for axis in axes[0]:
        axis.set_xlim(1, min(steps[-1], 2 * max(ends)))
    axes[0, 0].set_ylabel("share of a data point in $w$")
    axes[1, 0].set_ylabel("norm of $w$ (line), points\nin $w$ (dashes)")
    return figure


def _draw(axes, steps, weights, end):
    squares = weights**2
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = squares / squares.sum(axis=1, keepdims=True)
        points = squares.sum(axis=1) ** 2 / (squares**2).sum(axis=1)
    order = np.argsort(-squares[0])
    shares = shares[:, order]
    # The points that ever matter most get colours; the others alternate in grey, which shows their borders.
    top = set(np.argsort(-np.nanmax(shares, axis=0) - 1e-9 * shares[0])[:COLOURED])
    colours, used = [], 0
    for place in range(shares.shape[1]):
        colours.append(STYLES[used][0] if place in top else GREYS[place % 2])
        used += place in top
    axes[0].stackplot(steps, shares.T, colors=colours, edgecolor="white", linewidth=0.3)
    axes[0].set_xscale("log")
    axes[0].set_ylim(0, 1)
    axes[1].plot(steps, np.sqrt(squares.sum(axis=1)), color=STYLES[0][0])
    axes[1].plot(steps, points, color=STYLES[1][0], linestyle="--")
    axes[1].set_yscale("log")
    for axis in axes:
        plain(axis, grid="y" if axis is axes[1] else None)
        if end <= steps[-1]:
            axis.axvline(max(end, 1), color="black", linewidth=1.0, linestyle=":")
