"""The paper's message in one picture: where runs end, against batch size."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.intervals import bootstrap_interval, seed_means
from analysis.style import STYLES
from analysis.sweep import STATUSES, distinct_batches

# (measure, axis label, logarithmic, how to read it)
ROWS = (
    ("participation_ratio", "data points in $w$\n(participation ratio)", True, "Sparsity: 1 = a single data point"),
    ("alignment_init", "cosine between $w$\nand its start", False, "Alignment: 0 = orthogonal, 1 = same direction"),
    ("hessian_trace_limit", "Hessian trace\nof the minimum", False, "Sharpness: lower = flatter"),
)


def batch_size_figure(sweep, sampling=0):
    """Sparsity, alignment and limit Hessian trace against batch size, a column per activation, a line per dimension.

    Each point is the mean over step sizes and seeds of the converged runs, with a 95 % bootstrap interval over seeds.
    The horizontal axis is b/n as log-odds, log(b / (n - b)): it tells 1 from 2 and n - 1 from n - 2 alike. The full
    batch is at infinity there and has a place of its own behind a gap.
    """
    sweep = sweep.isel(sampling=sampling)
    activations = [str(name) for name in sweep["activation"].values]
    figure = Figure(figsize=(3.2 + 3.6 * len(activations), 8.2))
    axes = figure.subplots(len(ROWS), len(activations), sharex=True, sharey="row", squeeze=False)
    place = _Places(sweep)
    for column, activation in enumerate(activations):
        for row, (measure, label, logarithmic, reading) in enumerate(ROWS):
            axis = axes[row, column]
            _draw_lines(axis, sweep[measure].sel(activation=activation), sweep, place)
            if logarithmic:
                axis.set_yscale("log")
            if column == 0:
                axis.set_ylabel(label)
                axis.text(0.02, 0.985, reading, transform=axis.transAxes, va="top", fontsize=9.5, style="italic")
        axes[0, column].set_title({"relu": "ReLU"}.get(activation, activation), fontsize=12)
    _limits(axes)
    _dress(axes, place)
    _caption(figure, sweep)
    return figure


class _Places:
    """Where a batch size stands on the horizontal axis."""

    def __init__(self, sweep):
        self.samples = [int(n) for n in np.atleast_1d(sweep["samples"].values)]
        sizes = [(b, n) for at, n in enumerate(self.samples) for _, b in distinct_batches(sweep, at)]
        odds = [self.log_odds(b, n) for b, n in sizes if b < n]
        self.low, self.high = (min(odds), max(odds)) if odds else (-1.0, 1.0)
        self.full = self.high + 0.17 * max(self.high - self.low, 2.0)

    @staticmethod
    def log_odds(b, n):
        return float(np.log(b / (n - b)))

    def at(self, b, n, line):
        """The full batch of several lines is spread a little, so that its intervals do not cover each other."""
        if b < n:
            return self.log_odds(b, n)
        spread = 0.018 * (self.full - self.low)
        return self.full + spread * (line - (len(self.samples) - 1) / 2)

    def ticks(self):
        """(place, label): first and last batch size of the smallest and largest n, the half, the full batch."""
        marks = {0.0: "1/2", self.full: "1"}
        for n in {min(self.samples), max(self.samples)}:
            for b in (1, n - 1):
                if 0 < b < n and self.low - 1e-9 <= self.log_odds(b, n) <= self.high + 1e-9:
                    marks.setdefault(self.log_odds(b, n), f"{b}/{n}")
        return sorted(marks.items())


def _draw_lines(axis, values, sweep, place):
    for at, n in enumerate(place.samples):
        colour, marker, line = STYLES[at % len(STYLES)]
        points = []
        for batch, b in distinct_batches(sweep, at):
            cell = values.isel(dimension=at, batch=batch).transpose(..., "seed").values
            points.append((place.at(b, n, at), b, *bootstrap_interval(seed_means(cell))))
        points = np.array([point for point in points if np.isfinite(point[2])]).reshape(-1, 5)
        _draw(axis, points[points[:, 1] < n], colour, marker, line)
        _draw(axis, points[points[:, 1] == n], colour, marker, "none", markersize=8)


def _draw(axis, points, colour, marker, line, markersize=4.5):
    if not len(points):
        return
    x, mean, low, high = points[:, 0], points[:, 2], points[:, 3], points[:, 4]
    error = np.nan_to_num(np.maximum([mean - low, high - mean], 0.0))
    axis.errorbar(x, mean, yerr=error, color=colour, marker=marker, linestyle=line, markersize=markersize,
                  linewidth=1.2, elinewidth=1.2, capsize=2.5, markeredgecolor="white", markeredgewidth=0.5,
                  clip_on=False, zorder=3)


def _limits(axes):
    """Room above the data for the line of text; linear axes start at 0 unless the data go below."""
    for (measure, _, logarithmic, _), axis in zip(ROWS, axes[:, 0]):
        low, high = axis.get_ylim()
        floor = min(other.dataLim.ymin for other in axis.figure.axes if axis.get_shared_y_axes().joined(axis, other))
        if logarithmic:
            axis.set_ylim(low, high * (high / low) ** 0.15)
        else:
            axis.set_ylim(0.0 if floor >= 0 else low, 1.18 * high)
        if measure == "alignment_init":
            axis.set_yticks([tick for tick in (-1.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0) if tick >= axis.get_ylim()[0]])


def _dress(axes, place):
    ticks = place.ticks()
    edge = (place.high + place.full) / 2
    end = place.full + (place.full - edge)
    for axis in axes.flat:
        axis.set_xticks([at for at, _ in ticks], [label for _, label in ticks], rotation=45, ha="right",
                        rotation_mode="anchor")
        axis.set_xlim(place.low - 0.05 * (place.full - place.low), end)
        axis.axvspan(edge, end, color="#f0e442", alpha=0.25, linewidth=0, zorder=0)
        axis.grid(axis="y", color="0.88", linewidth=0.6, zorder=0)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=9)
    for axis in axes[0]:
        axis.text(place.full, 1.02, "full batch", transform=axis.get_xaxis_transform(), ha="center", va="bottom",
                  fontsize=9)


def _caption(figure, sweep):
    dimensions = [int(d) for d in np.atleast_1d(sweep["dimension"].values)]
    samples = [int(n) for n in np.atleast_1d(sweep["samples"].values)]
    handles = []
    for at, (d, n) in enumerate(zip(dimensions, samples)):
        colour, marker, line = STYLES[at % len(STYLES)]
        name = f"$d = n = {d}$" if d == n else f"$d = {d}$, $n = {n}$"
        handles.append(Line2D([], [], color=colour, marker=marker, linestyle=line, label=name))
    figure.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.93), ncol=len(handles), frameon=False)
    figure.suptitle(_message(sweep), fontsize=12.5, fontweight="bold", y=0.985)
    converged = int(np.isfinite(sweep["hessian_trace_limit"]).sum())
    fits = int((sweep["status"] != STATUSES.index("skipped")).sum())
    note = (f"{converged:,} of {fits:,} runs converged; means over step sizes and {sweep.sizes['seed']} seeds, "
            "95 % bootstrap intervals over seeds")
    figure.text(0.5, 0.006, note, ha="center", va="bottom", fontsize=8.5, color="0.3")
    figure.supxlabel("batch size as a share of the data, $b/n$ (log-odds scale)", fontsize=11, y=0.03)
    figure.subplots_adjust(left=0.12, right=0.985, top=0.855, bottom=0.135, hspace=0.13, wspace=0.08)


def _message(sweep):
    """What the data show, in words; the paper's sentences only where they hold in these data."""
    below, full = _values(sweep, "participation_ratio")
    if not (below.size and full.size and below.max() < 1.01 and full.min() > 1.1 and full.mean() > 2):
        return "Which minimum SGD finds, against its batch size"
    text = "Every batch size below $n$ ends at one data point, far from its start;\n"
    text += "only the full batch stays dense and aligned with its start"
    if "relu" in sweep["activation"].values:
        below, full = _values(sweep.sel(activation="relu"), "hessian_trace_limit")
        text += ", and with ReLU it ends flatter" if full.mean() < below.mean() else ""
    return text


def _values(sweep, measure):
    """The finite values of a measure for b < n, and for b = n."""
    below, full = [], []
    for at, n in enumerate(np.atleast_1d(sweep["samples"].values)):
        for batch, b in distinct_batches(sweep, at):
            values = sweep[measure].isel(dimension=at, batch=batch).values
            (below if b < n else full).append(values[np.isfinite(values)])
    return np.concatenate(below or [np.empty(0)]), np.concatenate(full or [np.empty(0)])
