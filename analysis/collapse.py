"""Time to sparsity of all batch and step sizes on one clock: k = b (n - b) / (n (n - 1)) l(eps) per step."""

import numpy as np
from matplotlib.lines import Line2D

from analysis.evidence import FINISHED
from analysis.predictions import clock
from analysis.rows import median, median_interval
from analysis.style import STYLES, activation_title, new_figure, plain, setting, with_legend_row
from analysis.sweep import STATUSES, SweepError, distinct_batches

MEASURES = ("steps_sparse", "steps_norm")
LARGEST_EPS = 0.4  # beyond it many runs do not converge
INTERVALS_MOST = 600  # cells of an activation; intervals of more are only ink


def collapse_figure(sweep):
    """A column per activation; above the median steps from a norm near 1 to one data point, below the same in units of
    the walk's clock. Bars are exact 95 % intervals of the median; cells where half of the seeds or more never get there
    are counted below."""
    name = str(sweep["sampling"].values[0])
    if name not in ("without_replacement", "with_replacement"):
        raise SweepError(f"sampling {name} has no diffusive clock: draws with and without replacement have one")
    sweep = sweep.isel(sampling=0)
    activations = [str(one) for one in sweep["activation"].values]
    cells = _cells(sweep, name)
    if not any(np.isfinite(cell["median"]) for cell in cells):
        raise SweepError("no cell with eps <= 0.4 and b < n in which half of the seeds reach one data point")
    missed = sum(not np.isfinite(cell["median"]) for cell in cells)
    figure = new_figure(2.6 + 3.7 * len(activations), 7.6, "Time to one data point, on the random walk's clock",
                        f"medians over {sweep.sizes['seed']} seeds of every cell with $b < n$, "
                        f"$\\varepsilon \\leq$ {LARGEST_EPS}; lines: exact 95 % intervals, where cells are few; "
                        f"not reached in half of the runs: {missed} of {len(cells)} cells")
    _, axes = with_legend_row(figure, 2, len(activations), _legend(sweep, cells), 4, sharex=True, sharey="row")
    for column, activation in enumerate(activations):
        own = [cell for cell in cells if cell["activation"] == activation and np.isfinite(cell["median"])]
        _draw(axes[0, column], own, scaled=False)
        _draw(axes[1, column], own, scaled=True)
        axes[0, column].set_title(activation_title(activation), fontsize=12)
        axes[1, column].set_xlabel("batch size $b/n$ (log-odds scale)")
        for axis in axes[:, column]:
            plain(axis)
            axis.set_yscale("log")
    _dress(axes, cells)
    return figure


def _cells(sweep, sampling):
    steps = np.where(np.nan_to_num(sweep["steps_sparse"].transpose("activation", ...).values, nan=-1) < 0, np.inf,
                     sweep["steps_sparse"].values - sweep["steps_norm"].values)
    done = sweep["status"].isin([STATUSES.index(name) for name in FINISHED]).values
    eps = sweep["eps"].transpose("dimension", "batch", "step_value").values
    cells = []
    for dimension, n in enumerate(sweep["samples"].values):
        for position, b in distinct_batches(sweep, dimension):
            for step in range(eps.shape[2]):
                if b == n or eps[dimension, position, step] > LARGEST_EPS:
                    continue
                for at, activation in enumerate(sweep["activation"].values):
                    times = np.sort(steps[at, dimension, position, step][done[at, dimension, position, step]])
                    if not times.size:
                        continue
                    low, high = median_interval(times, 0.95)
                    cells.append({"activation": str(activation), "dimension": dimension, "b": b, "n": int(n),
                                  "eps": eps[dimension, position, step], "median": median(times), "low": low,
                                  "high": high, "k": clock(n, b, eps[dimension, position, step], sampling)})
    return cells


def _draw(axis, cells, scaled):
    """All cells of one activation: one artist a dimension, and intervals where they are few enough to be seen."""
    for dimension in sorted({cell["dimension"] for cell in cells}):
        own = [cell for cell in cells if cell["dimension"] == dimension]
        b, n, eps, unit, middle, low, high = (np.array([cell[name] for cell in own], dtype=float) for name in
                                              ("b", "n", "eps", "k", "median", "low", "high"))
        unit = unit if scaled else np.ones_like(unit)
        x, y = np.log(b / (n - b)), np.maximum(middle, 1.0) * unit
        colour, marker, _ = STYLES[dimension % len(STYLES)]
        axis.scatter(x, y, s=(4 + 9 * eps) ** 2, color=colour, marker=marker, edgecolors="white", linewidths=0.5,
                     alpha=0.85, zorder=3)
        if len(cells) <= INTERVALS_MOST:
            bounded = np.isfinite(low) & np.isfinite(high)
            axis.vlines(x[bounded], np.maximum(low, 1.0)[bounded] * unit[bounded], (high * unit)[bounded],
                        color=colour, linewidth=0.9, zorder=2)


def _legend(sweep, cells):
    handles = [Line2D([], [], color=STYLES[at % len(STYLES)][0], marker=STYLES[at % len(STYLES)][1], linestyle="none",
                      label=setting(int(d), int(n)))
               for at, (d, n) in enumerate(zip(sweep["dimension"].values, sweep["samples"].values))]
    steps = sorted({round(float(cell["eps"]), 9) for cell in cells})
    for eps in dict.fromkeys((steps[0], steps[-1])):
        handles.append(Line2D([], [], color="0.4", marker="o", linestyle="none", markersize=4 + 9 * eps,
                              label=f"$\\varepsilon$ = {eps:.3g}"))
    return handles


def _dress(axes, cells):
    medians = np.array([cell["median"] for cell in cells])
    units = np.array([cell["k"] for cell in cells])
    finite = np.isfinite(medians)
    axes[0, 0].set_ylabel("steps from norm 1\nto one data point")
    axes[1, 0].set_ylabel("the same, $k \\times$ steps")
    raw = np.maximum(medians[finite], 1)
    spread = [np.ptp(np.log10(values)) for values in (raw, raw * units[finite])]
    for axis, decades in zip(axes[:, 0], spread):
        axis.text(0.02, 0.97, f"spread over {10**decades:,.0f} : 1", transform=axis.transAxes, va="top", fontsize=9,
                  style="italic")
    # The same number of decades on both, so that what collapses is seen to.
    limits = [axis.get_ylim() for axis in axes[:, 0]]
    decades = max(np.log10(high / low) for low, high in limits)
    for axis, (low, high) in zip(axes[:, 0], limits):
        middle = np.sqrt(low * high)
        axis.set_ylim(middle * 10 ** (-decades / 2 - 0.1), middle * 10 ** (decades / 2 + 0.3))
    odds = {(cell["b"], cell["n"]) for cell in cells}
    n = max(n for _, n in odds)
    ticks = [(1, n), (1, 10), (1, 2), (9, 10), (n - 1, n)]
    for axis in axes[1]:
        axis.set_xticks([np.log(b / (m - b)) for b, m in ticks if b < m], [f"{b}/{m}" for b, m in ticks if b < m])
