"""The claims of a file as text for a terminal, above them what its runs ended at by batch size."""

import textwrap

import numpy as np

from analysis.intervals import bootstrap_intervals, seed_means
from analysis.rows import LEVEL
from analysis.summary import MEASURES, group_of, outcome_lines
from analysis.sweep import STATUSES
from analysis.verdict import FAIL, FAMILY_WISE

WIDTH = 80


def rows_of(evidence):
    """One row per activation, sampling, dimension and batch size, as dictionaries: counts of runs by status; mean, low
    and high of each measure over the converged runs, a seed's runs averaged first."""
    rows, columns = [], []
    converged = evidence.ended("converged")
    for activation, sampling, dimension in np.ndindex(*evidence.status.shape[:3]):
        for batch, size in evidence.batches[dimension]:
            at = (activation, sampling, dimension, batch)
            counts = np.bincount(evidence.status[at].ravel(), minlength=len(STATUSES))
            rows.append({
                "activation": evidence.activation[activation],
                "sampling": evidence.sampling[sampling],
                "dimension": int(evidence.d[0, 0, dimension, 0, 0, 0]),
                "samples": int(evidence.n[0, 0, dimension, 0, 0, 0]),
                "batch": evidence.batch[batch],
                "batch_size": size,
                "runs": int(counts.sum() - counts[STATUSES.index("not_needed")]),
                **{name: int(count) for name, count in zip(STATUSES, counts)},
                **_seeds(converged[at], evidence.once[at]),
            })
            columns += [seed_means(np.where(converged[at], evidence[measure][at], np.nan)) for measure in MEASURES]
    if not rows:
        return rows
    intervals = bootstrap_intervals(np.array(columns).T)
    for position, row in enumerate(rows):
        for offset, measure in enumerate(MEASURES):
            mean, low, high = map(float, intervals[:, position * len(MEASURES) + offset])
            row[measure] = {"mean": mean, "low": low, "high": high}
    return rows


def _seeds(converged, wanted):
    """Seeds that have runs, and those of which every run converged."""
    there = wanted.any(axis=0)
    return {"seeds": int(there.sum()), "seeds_converged": int((there & (converged | ~wanted).all(axis=0)).sum())}


def format_rows(rows):
    head = f"{'b':>6}{'runs':>7}{'minima':>7}" + "".join(f"{title:>15}" for title in MEASURES.values())
    lines, previous = [head, "-" * len(head)], None
    for row in rows:
        group = group_of(row)
        if group != previous:
            lines.append(group)
            previous = group
        lines.append(f"{row['batch_size']:>6}{row['runs']:>7}{row['converged']:>7}"
                     + "".join(f"{row[measure]['mean']:>15.4g}" for measure in MEASURES))
        intervals = "".join(f"{_interval(row[measure]):>15}" for measure in MEASURES)
        if intervals.strip():
            lines.append(" " * 20 + intervals)
    lines += ["-" * len(head), "minima: runs that reached a global minimum. Means over them; below each its 95 %",
              "bootstrap interval over seeds, where wider than the digits shown."]
    return "\n".join(lines + outcome_lines(rows))


CLASSES = {
    "exact": "EXACT: identities, run by run; one violation is a FAIL",
    "derived": f"DERIVED: within a margin; equivalence tests (TOST), Holm over all rows at {FAMILY_WISE:g}",
    "fitted": f"FITTED: estimates with {LEVEL:.0%} intervals; no verdict",
}
ROWS_SHOWN = 8  # of a derived or fitted claim; all are in --json and in the report


def format_verdicts(verdicts):
    lines = []
    for kind, title in CLASSES.items():
        lines += ["", title] if lines else [title]
        for verdict in (verdict for verdict in verdicts if verdict.kind == kind):
            lines += _wrap(f"{verdict.verdict:<12}{verdict.claim}: {verdict.statement}", "")
            lines += [line for text in _details(verdict) for line in _wrap(text, " " * 12)]
    return "\n".join(lines)


def _details(verdict):
    counted = []
    if verdict.kind == "exact" and (verdict.held or verdict.violated):
        counted.append(f"{verdict.held} runs hold, {verdict.violated} violate")
    if verdict.kind == "derived" and verdict.rows:
        undecided = len(verdict.rows) - verdict.held - verdict.violated
        counted.append(f"{len(verdict.rows)} rows: {verdict.held} agree, {verdict.violated} differ, "
                       f"{undecided} undecided")
    counted += [f"{count} {reason}" for reason, count in verdict.open.items()]
    if verdict.left_out:
        counted.append("left out: " + ", ".join(f"{count} {reason}" for reason, count in verdict.left_out.items()))
    details = ["; ".join(counted)] if counted else []
    if verdict.verdict == FAIL:
        words = ", ".join(f"{name} {_number(value)}" for name, value in verdict.first_violation.items())
        details.append(f"{'first violation' if verdict.kind == 'exact' else 'clearest'}: " + words)
    elif verdict.reason:
        details.append(verdict.reason)
    return details + ([verdict.note] if verdict.note else []) + _rows(verdict)


def _rows(verdict):
    """Those that decide first."""
    order = {"differs": 0, "undecided": 1, "agrees": 2, "": 3}
    rows = sorted(verdict.rows, key=lambda row: order[row.outcome])
    lines = [format_row(row) for row in rows[:ROWS_SHOWN]]
    return lines + ([f"and {len(rows) - ROWS_SHOWN} rows more"] if len(rows) > ROWS_SHOWN else [])


def format_row(row):
    text = describe(row.cell)
    text = f"{text}: {row.quantity}" if text else row.quantity
    text += f" {_short(row.estimate)} ({_short(row.low)} to {_short(row.high)}), {row.count} seeds"
    if row.predicted is not None:
        text += f"; predicted {_short(row.predicted)} within {row.margin:.2g}: {row.outcome}"
    return text + (f" ({row.note})" if row.note else "")


def describe(cell):
    """The coordinates of a cell in few words; all of them are in --json."""
    cell = dict(cell)
    if "batch_size" in cell:
        cell = {name: value for name, value in cell.items() if name not in ("batch", "step_value", "eta")}
    if cell.get("dimension") == cell.get("samples"):
        cell.pop("dimension", None)
    short = {"dimension": "d", "samples": "n", "batch_size": "b"}
    return ", ".join(str(value).replace("_", " ") if isinstance(value, str) else f"{short.get(name, name)} = {value:g}"
                     for name, value in cell.items())


def _short(value):
    """For medians: not reached within half of the runs."""
    return "not reached" if value == np.inf else "none" if value == -np.inf else f"{value:.4g}"


def _number(value):
    return repr(value) if isinstance(value, float) else str(value)


def _wrap(text, indent):
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=" " * 12, break_on_hyphens=False,
                         break_long_words=False)


def _interval(value):
    low, high = f"{value['low']:.3g}", f"{value['high']:.3g}"
    return "" if low == high or value["low"] != value["low"] else f"{low}..{high}"
