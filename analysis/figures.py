"""The figures of a sweep by name: each is one function that returns a matplotlib Figure."""

from dataclasses import dataclass
from typing import Callable

from analysis.batch_size import ROWS, batch_size_figure
from analysis.collapse import MEASURES as COLLAPSE_MEASURES, collapse_figure
from analysis.evidence import FINISHED
from analysis.kinds import FIGURES
from analysis.phase import MEASURES as PHASE_MEASURES, phase_figure
from analysis.shares import shares_figure
from analysis.sweep import SweepError, open_sweep
from analysis.timeline import timeline_figure
from analysis.walk import SUMS, walk_figure


@dataclass(frozen=True)
class Kind:
    draw: Callable  # of the sweep, and the path of its log if that is read
    keep: tuple = FINISHED  # statuses whose runs have values
    only: tuple = ()  # results that it reads
    also: tuple = ()  # larger variables that it reads
    log: bool = False


KINDS = {
    "batch-size": Kind(batch_size_figure, ("converged",), tuple(measure for measure, *_ in ROWS)),
    "phase": Kind(phase_figure, only=PHASE_MEASURES),
    "collapse": Kind(collapse_figure, only=COLLAPSE_MEASURES),
    "shares": Kind(shares_figure, only=("steps",), also=("weights",)),
    "walk": Kind(walk_figure, only=(), also=SUMS),
    "timeline": Kind(timeline_figure, log=True),
}


def draw(path, name, where=None):
    """The named figure of the file at path. where: axis -> names of its values to take, see select."""
    kind = KINDS[name]
    try:
        sweep = open_sweep(path, kind.keep, kind.also, kind.only)
    except SweepError as error:
        raise SweepError(f"{error} ({FIGURES[name]})") from error
    try:
        if not kind.log:
            return kind.draw(select(sweep, where or {}))
        if where:
            raise SweepError(f"the figure {name} is of the whole sweep: no selection")
        return kind.draw(sweep, f"{path}.log")
    finally:
        sweep.close()


def select(sweep, where):
    """The part of a sweep at the named values: {"dimension": ["64"], "batch": ["1", "n"]}; values as the file has
    them, numbers up to rounding."""
    for axis, names in where.items():
        if axis not in sweep.dims or axis not in sweep.coords:
            raise SweepError(f"no axis {axis}; there are {', '.join(str(name) for name in sweep.dims)}")
        values = sweep[axis].values
        places = [_place(values, name) for name in names]
        if None in places:
            known = ", ".join(str(value) for value in values[:20])
            raise SweepError(f"{axis} has no {names[places.index(None)]}; it has {known}{', ...' * (len(values) > 20)}")
        sweep = sweep.isel({axis: places})
    return sweep


def _place(values, name):
    for place, value in enumerate(values):
        if str(value) == name:
            return place
        try:
            if abs(float(value) - float(name)) <= 1e-9 * abs(float(value)):
                return place
        except ValueError:
            continue
    return None
