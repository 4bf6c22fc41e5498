"""The claims of a file as text for a terminal, above them what its runs ended at by batch size."""

import textwrap

import numpy as np

from analysis.claims import FAIL, PASS
from analysis.intervals import bootstrap_intervals, seed_means
from analysis.sweep import STATUSES

MEASURES = {
    "max_share": "max share",
    "participation_ratio": "points in w",
    "alignment_init": "alignment",
    "hessian_trace_limit": "tr H limit",
}
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
                "runs": int(counts.sum()),
                **{name: int(count) for name, count in zip(STATUSES, counts)},
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


def format_rows(rows):
    head = f"{'b':>6}{'runs':>7}{'minima':>7}" + "".join(f"{title:>15}" for title in MEASURES.values())
    lines, previous = [head, "-" * len(head)], None
    for row in rows:
        group = _group(row)
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
    return "\n".join(lines + _others(rows))


def format_verdicts(verdicts):
    lines = []
    for verdict in verdicts:
        lines += _wrap(f"{verdict.verdict:<12}{verdict.claim}: {verdict.statement}", "")
        lines += [line for text in _details(verdict) for line in _wrap(text, " " * 12)]
    return "\n".join(lines)


def _details(verdict):
    counted = []
    if verdict.held or verdict.violated:
        exact = f"{verdict.held} runs hold, {verdict.violated} violate"
        counted.append(exact if verdict.kind == "exact" else f"{verdict.held} runs")
    counted += [f"{count} {reason}" for reason, count in verdict.open.items()]
    if verdict.left_out:
        counted.append("left out: " + ", ".join(f"{count} {reason}" for reason, count in verdict.left_out.items()))
    details = ["; ".join(counted)] if counted else []
    if verdict.verdict == FAIL:
        words = ", ".join(f"{name} {_number(value)}" for name, value in verdict.first_violation.items())
        details.append("first violation: " + words)
    elif verdict.verdict != PASS:
        details.append(verdict.reason)
    return details + ([verdict.note] if verdict.note else [])


def _number(value):
    return repr(value) if isinstance(value, float) else str(value)


def _wrap(text, indent):
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=" " * 12, break_on_hyphens=False,
                         break_long_words=False)


def _interval(value):
    low, high = f"{value['low']:.3g}", f"{value['high']:.3g}"
    return "" if low == high or value["low"] != value["low"] else f"{low}..{high}"


def _group(row):
    size = f"d = n = {row['dimension']}"
    if row["samples"] != row["dimension"]:
        size = f"d = {row['dimension']}, n = {row['samples']}"
    return f"{row['activation']}, {row['sampling'].replace('_', ' ')}, {size}"


def _others(rows):
    counts = {name: sum(row[name] for row in rows) for name in STATUSES if name != "converged"}
    runs = sum(row["runs"] for row in rows)
    lines = [f"{runs} runs, {runs - sum(counts.values())} converged."]
    if any(counts.values()):
        lines.append("Not converged: " + ", ".join(f"{count} {name}" for name, count in counts.items() if count) + ".")
    return lines
