"""What a results file holds, as plain arrays: the evidence that claims are judged by.

All arrays over runs broadcast against `status`, whose axes are RUN_AXES. Values of runs that are not finished are NaN.
Measures are read when they are asked for, from a file that stays open: xarray takes a quarter of a second to open one.
"""

import re

import numpy as np
import xarray as xr

from analysis.sweep import RUN_AXES, STATUSES, SweepError, distinct_batches, open_unmasked, precision_words

FINISHED = ("converged", "max_steps", "diverged", "dead")

# A gaussian start is longer than 1 with a small probability, bounded below; where no norm is in the file, starts count
# as shorter if the bounds of all starts of the file together are under this.
NEGLIGIBLE = 1e-9


class Evidence:
    def __init__(self, path):
        sweep = self.file = open_unmasked(path)
        self.path = path
        self.status = sweep["status"].values
        self.precision = precision_words(sweep)  # of a file whose seeds follow a rule
        self.measures = {}
        self.activation = [str(name) for name in sweep["activation"].values]
        self.sampling = [str(name) for name in sweep["sampling"].values]
        self.batch = [str(name) for name in sweep["batch"].values]
        self.seed = sweep["seed"].values
        self.step_value = sweep["step_value"].values
        self.d = _spread(sweep["dimension"].values, (2,))
        self.n = _spread(sweep["samples"].values, (2,))
        self.b = _spread(sweep["batch_size"].values, (2, 3))
        self.eps = _spread(sweep["eps"].values, (2, 3, 4))
        self.eta = _spread(sweep["eta"].values, (2, 3, 4))
        self.batches = [distinct_batches(sweep, at) for at in range(self.status.shape[2])]
        self.once = self._fits_once()
        self._read_grid(sweep.attrs.get("grid"))
        self._read_start()

    def __getitem__(self, measure):
        if measure not in self.measures:
            if measure not in self.file:
                raise SweepError(f"{self.path}: no variable {measure}")
            finished = xr.DataArray(self.ended(*FINISHED), dims=RUN_AXES)
            self.measures[measure] = self.file[measure].where(finished).values
        return self.measures[measure]

    def times(self, measure, at):
        """A measure that counts steps until something, of the runs of a cell: infinite where it never happened (dead
        and diverged runs, and those that max_steps cut short before), NaN where the run is not finished."""
        steps = self[measure][at]
        # In the file never is -1, which is also the fill value that xarray reads as NaN.
        return np.where(self.ended(*FINISHED, at=at), np.where(steps >= 0, steps, np.inf), np.nan)

    def cells(self, *samplings):
        """(coordinates in words, index of the cell) of every cell that fits, batch sizes that are equal once. The index
        takes an array over runs to one over seeds."""
        for at in np.ndindex(*self.status.shape[:5]):
            if self.once[at].any() and (not samplings or self.sampling[at[1]] in samplings):
                cell = self.run((*at, 0))
                del cell["seed"], cell["status"]
                yield cell, at

    def all_done(self, at):
        """True if no seed of the cell is pending, failed or not needed."""
        return bool(self.ended(*FINISHED, at=at).all())

    def not_converged(self, at):
        """Words for the runs of a cell that did not converge, none if all did."""
        counts = np.bincount(self.status[at].ravel(), minlength=len(STATUSES))
        return ", ".join(f"{count} {name}" for count, name in zip(counts, STATUSES) if count and name != "converged")

    def start(self, at):
        """[seed, point]: <w0, x_i> of the runs of a cell, for files with has_start."""
        first = np.flatnonzero(self.file["record"].values == 0)[0]
        points = slice(0, int(self.n[0, 0, at[2], 0, 0, 0]))
        return self.file["weights"][at].isel(record=first, feature=points).values

    def ended(self, *names, at=()):
        """The runs of the named statuses: all, or those of the cell at an index."""
        return np.isin(self.status[at], [STATUSES.index(name) for name in names])

    def has(self, axis, name):
        """The runs with the named activation or sampling."""
        return _spread(np.array(getattr(self, axis)) == name, (RUN_AXES.index(axis),))

    def run(self, index):
        """All coordinates of one run, by its index along every axis, as JSON has them."""
        activation, sampling, dimension, batch, step, seed = (int(i) for i in index)
        return {
            "activation": self.activation[activation],
            "sampling": self.sampling[sampling],
            "dimension": int(self.d[0, 0, dimension, 0, 0, 0]),
            "samples": int(self.n[0, 0, dimension, 0, 0, 0]),
            "batch": self.batch[batch],
            "batch_size": int(self.b[0, 0, dimension, batch, 0, 0]),
            "step_value": float(self.step_value[step]),
            "eps": float(self.eps[0, 0, dimension, batch, step, 0]),
            "eta": float(self.eta[0, 0, dimension, batch, step, 0]),
            "seed": int(self.seed[seed]),
            "status": STATUSES[self.status[tuple(index)]],
        }

    def _fits_once(self):
        """Runs that there are to be: batch sizes that fit, seeds that a rule asked for. Where two expressions meet (2
        and n/2 at n = 4) their runs are the same: the first."""
        once = np.zeros(self.b.shape, dtype=bool)
        for dimension, batches in enumerate(self.batches):
            for position, _ in batches:
                once[0, 0, dimension, position] = True
        return once & ~self.ended("skipped", "not_needed")

    def _read_grid(self, text):
        if not isinstance(text, str):
            raise SweepError(f"{self.path}: no attribute grid: what its runs started from is unknown")
        init = re.search(r"^init: \{distribution: (\w+), scale: ([^,]+), seed: (\w+)\}$", text, re.MULTILINE)
        stop = re.search(r"^stop: \{max_steps: (\w+), tol: ([^}]+)\}$", text, re.MULTILINE)
        if not init or not stop:
            raise SweepError(f"{self.path}: attribute grid: no init or no stop in it")
        self.distribution, self.scale = init[1], float(init[2])
        self.starts_per_dimension = len(self.seed) if init[3] == "own" else 1
        self.max_steps_auto, self.tol = stop[1] == "auto", float(stop[2])

    def _read_start(self):
        """start: coordinates <w0, x_i> as a function of the index of a dimension, None without; start_norm: ||w0|| of
        every run, NaN where the file does not tell."""
        first = np.flatnonzero(self.file["record"].values == 0) if "record" in self.file.dims else ()
        recorded = {name: self.file[name].isel(record=first[0]) for name in ("norm_record", "weights")
                    if len(first) and name in self.file and "record" in self.file[name].dims}
        self.has_start = "weights" in recorded
        self.start_norm = np.full(self.status.shape, np.nan)
        self.selected_start = np.full(self.status.shape, np.nan)
        if "norm_record" in recorded:
            self.start_norm = recorded["norm_record"].values
        elif self.distribution in ("sphere", "ones"):
            self.start_norm[...] = self.scale
        if self.has_start:
            self._read_weights(recorded["weights"])
        self.start_norm = np.where(self.ended(*FINISHED), self.start_norm, np.nan)

    def _read_weights(self, weights):
        """a_selected(0) of every run, and ||w0|| where the data span the space; one dimension at a time in memory."""
        for at in np.ndindex(*self.status.shape[:4]):
            n, d = int(self.n[0, 0, at[2], 0, 0, 0]), int(self.d[0, 0, at[2], 0, 0, 0])
            start = weights[at].isel(feature=slice(0, n)).values
            selected = self["selected"][at]
            place = np.where(np.isfinite(selected), np.abs(selected) - 1, -1).astype(int)
            taken = np.take_along_axis(start, np.clip(place, 0, n - 1)[..., np.newaxis], -1)[..., 0]
            self.selected_start[at] = np.where((place >= 0) & (place < n), taken, np.nan)
            if d == n and np.isnan(self.start_norm[at]).all():
                self.start_norm[at] = np.sqrt((start**2).sum(axis=-1))

    def short_start(self):
        """(mask, words): the runs with ||w0|| <= 1, and how that is known. A run that is not done counts if it may."""
        known = np.isfinite(self.start_norm)
        bounds = np.ones(self.d.shape)
        if self.distribution == "gaussian":
            bounds = self.starts_per_dimension * longer_than_one(self.d, self.scale)
        surely = bounds <= NEGLIGIBLE / bounds.size
        # 1 itself is meant to be in: a norm of 1 is off by its rounding.
        short = np.where(known, np.where(known, self.start_norm, np.inf) <= 1 + 1e-12, surely)
        if known.any():
            source = "recorded at the start" if self.distribution == "gaussian" else "the scale of the grid"
            return short | ~self.ended(*FINISHED), f"||w0|| is {source}"
        return short, f"gaussian start: ||w0|| > 1 has probability <= {max(float(bounds.max()), 1e-300):.0e}"


def longer_than_one(d, scale):
    """An upper bound of the probability that a gaussian start with E ||w0||^2 = scale^2 has ||w0|| > 1.

    d ||w0||^2 / scale^2 is chi-square with d degrees of freedom, so Chernoff's bound is (x exp(1 - x))^(d/2) with
    x = 1 / scale^2 > 1.
    """
    if scale >= 1:
        return np.ones(np.shape(d))
    x = scale**-2
    return np.exp(0.5 * np.asarray(d, dtype=float) * (np.log(x) + 1 - x))


def _spread(values, axes):
    """values, whose axes are those of a run with the given numbers, in a shape that broadcasts over runs."""
    shape = [1] * len(RUN_AXES)
    for axis, size in zip(axes, np.shape(values)):
        shape[axis] = size
    return np.asarray(values).reshape(shape)
