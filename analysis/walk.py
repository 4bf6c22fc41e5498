"""The random walk of r = log |a_i / a_j| of a pair of points, behind the paper's proof: measured against predicted.

Per step r moves by D; both of its moments are of order k, so the drift is shown in units of the predicted mean square,
which takes all batch and step sizes to one scale. Given the steps before, increments less their prediction have mean
zero, so seeds are independent and the error of their sum is the root of the sum of squares."""

import numpy as np
from matplotlib.lines import Line2D

from analysis.style import STYLES, activation_title, new_figure, plain, setting, with_legend_row
from analysis.sweep import SweepError, distinct_batches

SUMS = ("walk_count", "walk_moves", "walk_sum", "walk_sum2", "walk_drift", "walk_square")
BINS_MOST = 16  # more are joined in twos: what the walk does on average is much less than what it does in a step
MOVES_LEAST = 50  # bins with fewer moves over all seeds are left out


def walk_figure(sweep):
    """Of the first sampling. A column per activation, a line per dimension, all batch and step sizes below n together;
    above the drift, below the mean square over its prediction; points measured, lines predicted, bins of r across."""
    run = sweep.isel(sampling=0)
    names = [str(name) for name in sweep["activation"].values]
    dimensions = range(min(sweep.sizes["dimension"], len(STYLES)))
    figure = new_figure(2.6 + 3.7 * len(names), 7.2, "The random walk of $\\log\\,|a_i / a_j|$: measured and predicted",
                        f"points: {sweep.sizes['seed']} seeds at all $b < n$ and step sizes, with 95 % intervals; "
                        f"lines: predicted; bins of {MOVES_LEAST} moves or more, the outer ones open")
    handles = [Line2D([], [], color=STYLES[at][0], marker=STYLES[at][1], linestyle=STYLES[at][2],
                      label=setting(int(run["dimension"][at]), int(run["samples"][at]))) for at in dimensions]
    _, axes = with_legend_row(figure, 2, len(names), handles, 3, sharex=True, sharey="row")
    drawn = 0
    for column, name in enumerate(names):
        for at in dimensions:
            bins, sums = _join(sweep["walk_bin"].values, _sums(run.isel(activation=column, dimension=at), at, sweep))
            if np.nansum(sums["walk_moves"], initial=0) > 0:
                _draw(axes[:, column], bins, sums, at, len(dimensions))
                drawn += 1
        axes[0, column].set_title(activation_title(name), fontsize=12)
        axes[1, column].set_xlabel(r"$r = \log\,|a_i / a_j|$")
        axes[0, column].axhline(0.0, color="0.5", linewidth=0.8)
        axes[1, column].axhline(1.0, color="0.5", linewidth=0.8)
        for axis in axes[:, column]:
            plain(axis)
    if not drawn:
        raise SweepError("no step of a walk was watched at a batch size below n")
    axes[0, 0].set_ylabel("drift in units of\nthe mean square")
    axes[1, 0].set_ylabel("mean square,\nmeasured / predicted")
    return figure


def _sums(run, dimension, sweep):
    """name -> [seed, bin], added up over the batch sizes below n and all step sizes."""
    n = int(run["samples"])
    places = [position for position, size in distinct_batches(sweep, dimension) if size < n]
    part = run.isel(batch=places)
    return {name: np.nansum(part[name].transpose("batch", "step_value", "seed", "walk_bin").values, axis=(0, 1))
            for name in SUMS}


def _join(bins, sums):
    while bins.size > BINS_MOST and bins.size % 2 == 0:
        bins = bins.reshape(-1, 2).mean(axis=1)
        sums = {name: values.reshape(values.shape[0], -1, 2).sum(axis=2) for name, values in sums.items()}
    return bins, sums


def moments(sums):
    """Per bin, NaN with too few moves: (drift, its error, predicted drift, square, its error), all over the predicted
    square. sums: name -> [seed, bin]."""
    total = {name: values.sum(axis=0) for name, values in sums.items()}
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = np.where(total["walk_moves"] >= MOVES_LEAST, total["walk_square"], np.nan)
        drift_error = np.sqrt(((sums["walk_sum"] - sums["walk_drift"]) ** 2).sum(axis=0)) / unit
        square_error = np.sqrt(((sums["walk_sum2"] - sums["walk_square"]) ** 2).sum(axis=0)) / unit
        return (total["walk_sum"] / unit, drift_error, total["walk_drift"] / unit, total["walk_sum2"] / unit,
                square_error)


def _draw(axes, bins, sums, place, count):
    drift, drift_error, predicted, square, square_error = moments(sums)
    colour, marker, line = STYLES[place]
    # Side by side within a bin.
    x = bins + (place - (count - 1) / 2) * 0.5 * (bins[1] - bins[0] if bins.size > 1 else 1.0) / count
    for axis, values, error in ((axes[0], drift, drift_error), (axes[1], square, square_error)):
        axis.errorbar(x, values, yerr=1.96 * error, color=colour, marker=marker, markersize=4.5, linestyle="none",
                      elinewidth=0.9, markeredgecolor="white", markeredgewidth=0.3, zorder=3)
    axes[0].plot(bins, predicted, color=colour, linestyle=line, linewidth=1.2, zorder=2)
