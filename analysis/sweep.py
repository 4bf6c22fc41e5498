"""Open a results file as an xarray Dataset in which only what is finished has values.

A results file is plain netCDF-4; its arrays can hold partial bytes where a run is not done, and `status` tells.
Everything that has the axes of a run is masked here, once.
"""

from pathlib import Path

import numpy as np
import xarray as xr

RUN_AXES = ("activation", "sampling", "dimension", "batch", "step_value", "seed")

# The values of `status`, in order; the file says the same in flag_meanings.
STATUSES = ("pending", "converged", "max_steps", "diverged", "dead", "skipped", "failed", "not_needed")
FORMAT_VERSIONS = (1,)


class SweepError(Exception):
    """The file is not a results file that this code reads; the text says why."""


def open_sweep(path, keep=("converged",), also=(), only=None):
    """The sweep in the file at path, its results read and masked.

    keep: names of the statuses whose runs keep their values; all others become NaN. `status` itself stays whole, so
    that what was masked can be counted; not_needed are seeds that a cell did without (`seed: until`), no missing runs.
    also: names of variables to read that have more axes than a run and can be large, such as weights; they are left out
    otherwise.
    only: names of the results to read, all by default; a large file opens faster with few. Those of `also` come on top.
    """
    unknown = set(keep) - set(STATUSES)
    if unknown:
        raise ValueError(f"no such status: {', '.join(sorted(unknown))}; known are {', '.join(STATUSES)}")
    sweep = open_unmasked(path)
    kept = sweep["status"].isin([STATUSES.index(name) for name in keep])
    missing = set(also) - set(sweep.data_vars)
    if missing:
        raise SweepError(f"{path}: no variable {', '.join(sorted(missing))}")
    large = [name for name, variable in sweep.data_vars.items() if variable.ndim > len(RUN_AXES) and name not in also]
    sweep = sweep.drop_vars(large)
    # What has no seed axis is no result of a run: decisions about cells, in files whose seeds follow a rule.
    results = [name for name, variable in sweep.data_vars.items()
               if "seed" in variable.dims and name not in ("status", "checksum")]
    if only is not None:
        absent = [name for name in only if name not in results]
        if absent:
            raise SweepError(f"{path}: no variable {', '.join(absent)}")
        sweep = sweep.drop_vars([name for name in results if name not in only and name not in also])
        results = [*only, *(name for name in also if name not in only)]
    return sweep.assign({name: sweep[name].where(kept) for name in results})


def open_unmasked(path):
    """The same as it is in the file, nothing read but `status`."""
    if not Path(path).is_file():
        raise SweepError(f"{path}: no such file")
    try:
        sweep = xr.open_dataset(path, engine="h5netcdf")
    except (OSError, ValueError, KeyError) as error:
        raise SweepError(f"{path}: not a results file ({error})") from error
    _check(path, sweep)
    sweep["status"].load()  # before any value: while a sweep runs, what is done by now is final
    return sweep


def _check(path, sweep):
    if "status" not in sweep or sweep["status"].dims[: len(RUN_AXES)] != RUN_AXES:
        raise SweepError(f"{path}: not a results file of sgdsweep: no status over {', '.join(RUN_AXES)}")
    version = sweep.attrs.get("format_version")
    if version is not None and int(version) not in FORMAT_VERSIONS:
        raise SweepError(f"{path}: format version {version}; this code reads {FORMAT_VERSIONS}")


def precision_words(sweep):
    """Lines on a sweep whose cells have as many seeds as a precision took (`seed: until`); none for all others."""
    if "precision" not in sweep:
        return []
    reached, missed = (int((sweep["precision"] == value).sum()) for value in (1, 2))
    used = sweep["seeds_used"].values[sweep["precision"].values > 0]
    span = f" with {used.min()} to {used.max()} seeds" if used.size else ""
    fits = np.broadcast_to((sweep["batch_size"] > 0).values[..., np.newaxis], sweep["precision"].shape)
    return [f"Seeds were added cell by cell until a precision was reached: in {reached} of {int(fits.sum())} cells"
            f"{span},",
            f"in {missed} not at the last look either. Other intervals do not know of that; estimate_low and",
            "estimate_high in the file do."]


def count_status(sweep, name, over=("step_value", "seed")):
    """Number of runs of the named status, summed over the given axes."""
    return (sweep["status"] == STATUSES.index(name)).sum(over)


def distinct_batches(sweep, dimension_at):
    """[(position on the batch axis, b)] for one dimension, ascending in b: batches that fit, equal ones once."""
    sizes = sweep["batch_size"].isel(dimension=dimension_at).values
    first = {}
    for position, size in enumerate(sizes):
        if np.isfinite(size) and size >= 1:
            first.setdefault(int(size), position)
    return [(first[size], size) for size in sorted(first)]
