"""One row per activation, sampling, dimension and batch size: how many runs, how many converged, and where to."""

import numpy as np

from analysis.intervals import seed_means
from analysis.sweep import STATUSES, distinct_batches

MEASURES = {
    "max_share": "max share",
    "participation_ratio": "points in w",
    "alignment_init": "alignment",
    "hessian_trace_limit": "tr H limit",
}


def summarise(sweep):
    """The rows as dictionaries, in the order of the file's axes, batch sizes ascending."""
    rows = []
    for activation in range(sweep.sizes["activation"]):
        for sampling in range(sweep.sizes["sampling"]):
            for dimension in range(sweep.sizes["dimension"]):
                for batch, size in distinct_batches(sweep, dimension):
                    where = {"activation": activation, "sampling": sampling, "dimension": dimension, "batch": batch}
                    rows.append(_row(sweep.isel(where), size))
    return rows


def _row(cell, size):
    status = cell["status"].values
    row = {
        "activation": str(cell["activation"].values),
        "sampling": str(cell["sampling"].values),
        "dimension": int(cell["dimension"]),
        "samples": int(cell["samples"]),
        "batch": str(cell["batch"].values),
        "batch_size": size,
        "runs": int((status != STATUSES.index("not_needed")).sum()),
    }
    row.update({name: int((status == value).sum()) for value, name in enumerate(STATUSES)})
    for measure in MEASURES:
        seeds = seed_means(cell[measure].transpose(..., "seed").values)
        row[measure] = float(np.nanmean(seeds)) if np.isfinite(seeds).any() else np.nan
    return row


def format_table(rows):
    """The rows as text for a terminal of 80 columns; what did not converge is listed below, never left out. Runs that a
    cell could do without are no runs."""
    head = f"{'batch size':>12}{'runs':>8}{'converged':>11}" + "".join(f"{title:>12}" for title in MEASURES.values())
    lines = [head, "-" * len(head)]
    previous = None
    for row in rows:
        group = group_of(row)
        if group != previous:
            lines.append(group)
            previous = group
        line = f"{row['batch_size']:>12}{row['runs']:>8}{row['converged']:>11}"
        lines.append(line + "".join(f"{row[measure]:>12.4g}" for measure in MEASURES))
    lines += ["-" * len(head), "Means over the converged runs of all step sizes and seeds."]
    return "\n".join(lines + outcome_lines(rows))


def group_of(row):
    """What the rows of one table have in common."""
    size = f"d = n = {row['dimension']}"
    if row["samples"] != row["dimension"]:
        size = f"d = {row['dimension']}, n = {row['samples']}"
    return f"{row['activation']}, {row['sampling'].replace('_', ' ')}, {size}"


def outcome_lines(rows):
    """How many runs there were, and how those ended that did not converge."""
    names = [name for name in STATUSES if name not in ("converged", "not_needed")]
    counts = {name: sum(row[name] for row in rows) for name in names}
    runs = sum(row["runs"] for row in rows)
    lines = [f"{runs} runs, {runs - sum(counts.values())} converged."]
    if any(counts.values()):
        lines.append("Not converged: " + ", ".join(f"{count} {name}" for name, count in counts.items() if count) + ".")
    unneeded = sum(row["not_needed"] for row in rows)
    if unneeded:
        lines.append(f"{unneeded} more were not needed.")
    return lines
