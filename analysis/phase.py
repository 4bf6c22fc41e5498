"""Phase diagram over batch size and step size: how runs end, how long they take to a single point, where they break."""

import numpy as np
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import Normal, Stroke

from analysis.style import (BLACK, BLUE, GREY, ORANGE, PINK, YELLOW, activation_title, new_figure, setting,
                            with_legend_row)
from analysis.sweep import STATUSES, SweepError, distinct_batches

MEASURES = ("max_share", "steps_sparse", "steps_norm")

# How a run ends, in the order in which a cell is filled from the left.
ENDS = (("one data point", BLUE), ("several data points", ORANGE), ("no end within max_steps", YELLOW),
        ("nothing active left (dead)", BLACK), ("diverged", PINK), ("not done", "#FFFFFF"))
PARTS = 32  # columns of pixels that a cell is drawn with
OUTLINE = (Stroke(linewidth=3.4, foreground="0.3"), Normal())


def phase_figure(sweep):
    """Of the largest dimension and the first sampling. A column per activation; above how runs end, as the share of
    seeds, below the median time to a single point.

    The white line is the stability limit eps = 1/2 of every batch size without repeats; dashes show where, upwards,
    less than half of the seeds converge."""
    at = int(sweep["dimension"].argmax())
    batches = distinct_batches(sweep, at)
    sweep = sweep.isel(dimension=at, sampling=0, batch=[position for position, _ in batches])
    sweep = sweep.sortby("step_value")
    if sweep.sizes["step_value"] < 2 or len(batches) < 2:
        raise SweepError("a phase diagram needs at least two step sizes and two batch sizes")
    names = [str(name) for name in sweep["activation"].values]
    d, n = int(sweep["dimension"]), int(sweep["samples"])
    seeds = f"{sweep.sizes['seed']} seeds a cell"
    figure = new_figure(3.6 + 3.4 * len(names), 8.2, f"How runs end, by batch and step size ({setting(d, n)})",
                        f"{seeds}; a cell is filled in proportion to how its runs end; times are medians over seeds, "
                        "runs that never get there included")
    ends, times = _ends(sweep), _times(sweep)
    handles = [Patch(facecolor=colour, edgecolor="0.5", label=end) for end, colour in ENDS[:_last(ends)]]
    handles += [Line2D([], [], color="white", linewidth=2, path_effects=OUTLINE, label=r"$\varepsilon = 1/2$"),
                Line2D([], [], color="black", linewidth=2, dashes=(3, 2), label="half of the seeds converge")]
    part, axes = with_legend_row(figure, 2, len(names), handles, 3, sharex=True, sharey=True)
    norm = _norm(times)
    for column, name in enumerate(names):
        _draw_ends(axes[0, column], ends[:, column])
        mesh = _draw_times(axes[1, column], times[column], norm)
        axes[0, column].set_title(activation_title(name), fontsize=12)
        for axis in axes[:, column]:
            _draw_edges(axis, sweep, ends[:, column])
    _dress(axes, sweep, [size for _, size in batches])
    if mesh is not None:
        part.colorbar(mesh, ax=list(axes[1]), label="median steps to one data point\n(max share 0.99)", pad=0.01)
    return figure


def _order(values):
    return values.transpose("activation", "batch", "step_value", "seed").values


def _ends(sweep):
    """[end, activation, batch, step]: shares of the seeds."""
    status, share = _order(sweep["status"]), _order(sweep["max_share"])
    converged = status == STATUSES.index("converged")
    masks = [converged & (share >= 0.99), converged & ~(share >= 0.99)]
    masks += [status == STATUSES.index(name) for name in ("max_steps", "dead", "diverged")]
    wanted = _wanted(sweep)
    masks.append(~np.any(masks, axis=0) & wanted)
    return np.array([mask.sum(axis=-1) for mask in masks]) / np.maximum(wanted.sum(axis=-1), 1)


def _wanted(sweep):
    """Seeds that a cell did without are no missing runs."""
    return _order(sweep["status"]) != STATUSES.index("not_needed")


def _last(ends):
    """Legend entries: 'not done' only where there is any."""
    return len(ENDS) if ends[-1].any() else len(ENDS) - 1


def _times(sweep):
    """[activation, batch, step]: median over seeds, infinite where half of them never get there."""
    steps = _order(sweep["steps_sparse"])
    times = np.sort(np.where(np.nan_to_num(steps, nan=-1.0) < 0, np.inf, steps), axis=-1)
    middle = np.minimum(_wanted(sweep).sum(axis=-1) // 2, times.shape[-1] - 1)
    return np.take_along_axis(times, middle[..., np.newaxis], axis=-1)[..., 0]


def _norm(times):
    known = times[np.isfinite(times)]
    return LogNorm(max(known.min(), 1.0), max(known.max(), known.min() + 1, 10.0)) if known.size else None


def _draw_ends(axis, shares):
    """shares: [end, batch, step]. Pixels, so that a large grid costs no more."""
    bounds = np.cumsum(shares, axis=0)
    colours = np.array([to_rgb(colour) for _, colour in ENDS])
    part = (np.arange(PARTS) + 0.5) / PARTS
    which = (part > bounds[..., np.newaxis]).sum(axis=0).clip(0, len(ENDS) - 1)
    pixels = colours[which].transpose(1, 0, 2, 3).reshape(shares.shape[2], -1, 3)
    axis.imshow(pixels, origin="lower", aspect="auto", interpolation="nearest",
                extent=(-0.5, shares.shape[1] - 0.5, -0.5, shares.shape[2] - 0.5))
    for batch in range(1, shares.shape[1]):
        axis.axvline(batch - 0.5, color="white", linewidth=1.2)


def _draw_times(axis, times, norm):
    axis.set_facecolor(GREY)
    if norm is None:
        return None
    shown = np.ma.masked_invalid(times.T)
    return axis.imshow(shown, origin="lower", aspect="auto", interpolation="nearest", norm=norm, cmap="cividis",
                       extent=(-0.5, times.shape[0] - 0.5, -0.5, times.shape[1] - 0.5))


def _draw_edges(axis, sweep, shares):
    """shares: [end, batch, step]. Positions between rows, from eps in logarithms, are interpolated."""
    eps = sweep["eps"].transpose("batch", "step_value").values
    rows = np.arange(eps.shape[1])
    limit = np.array([np.interp(np.log(0.5), np.log(line), rows, left=np.nan, right=np.nan) for line in eps])
    broken = shares[:2].sum(axis=0) < 0.5
    first = np.where(broken.any(axis=1), broken.argmax(axis=1), np.nan)
    for batch in range(eps.shape[0]):
        span = (batch - 0.5, batch + 0.5)
        axis.plot(span, (limit[batch],) * 2, color="white", linewidth=2, path_effects=OUTLINE, zorder=4)
        axis.plot(span, (first[batch] - 0.5,) * 2, color="white", linewidth=3.6, solid_capstyle="butt", zorder=3)
        axis.plot(span, (first[batch] - 0.5,) * 2, color="black", linewidth=2, dashes=(3, 2), zorder=4)


def _dress(axes, sweep, sizes):
    steps = sweep["step_value"].values
    every = max(1, -(-len(steps) // 10))
    quantity = sweep["step_value"].attrs.get("quantity", "eps")
    label = r"$\varepsilon = \eta / b$" if quantity == "eps" else r"$\eta$"
    for axis in axes.flat:
        axis.set_yticks(range(0, len(steps), every), [f"{value:.2g}" for value in steps[::every]])
        axis.set_xticks(range(len(sizes)), [str(size) for size in sizes], fontsize=9,
                        rotation=45 if len(sizes) > 12 else 0)
        axis.set_ylim(-0.5, len(steps) - 0.5)
    for axis in axes[:, 0]:
        axis.set_ylabel(f"step size {label}")
    for axis in axes[1]:
        axis.set_xlabel("batch size $b$")
