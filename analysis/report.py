"""One self-contained HTML file about a sweep: figures, claims, grid, provenance, and heatmaps to explore.

Nothing is fetched when it is opened: pictures are inline, and the plotting library (plotly.js, as in Python's plotly)
and the cell tables are packed into the page. Figures that the file has no data for are named with the reason.
"""

import base64
import gzip
import html
import io
import json
import platform
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from analysis.cells import cell_tables
from analysis.claims import judge_all
from analysis.claims_table import CLASSES, MEASURES, describe, format_row, rows_of
from analysis.evidence import Evidence
from analysis.figures import draw
from analysis.kinds import FIGURES
from analysis.rows import LEVEL, clopper_pearson
from analysis.sweep import RUN_AXES, STATUSES, SweepError, open_sweep
from analysis.timeline import read_log

HERE = Path(__file__).parent
ROWS_MOST = 500  # lines of a table; a page of a million runs stays readable
DPI = 130


def write_report(path, output, command=""):
    """Write the report on the results file at path; the text of the page is returned."""
    library = _library()
    evidence = Evidence(path)
    verdicts = judge_all(evidence)
    parts = [_head(path, evidence), _claims(verdicts), _figures(path), _explorer(path), _rows(rows_of(evidence)),
             _grid(path), _provenance(path, command), _licence(library)]
    text = _page(Path(path).name, "\n".join(parts), library)
    Path(output).write_text(text, encoding="utf-8")
    return text


def _library():
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise SweepError("the report needs plotly for Python (Debian: python3-plotly)") from error
    return get_plotlyjs()


def _page(name, body, library):
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{html.escape(name)}: sweep report</title>
<style>
{(HERE / "report.css").read_text()}</style>
</head>
<body>
{body}
<script type="application/gzip" id="plotly">{_packed(library.encode())}</script>
<script>
{(HERE / "report.js").read_text()}</script>
</body>
</html>
"""


def _packed(data):
    return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode()


def _table(head, rows):
    """Cells are HTML, or integers, which stand on the right."""
    lines = ["<table>", "<tr>" + "".join(f"<th>{html.escape(name)}</th>" for name in head) + "</tr>"]
    for row in rows[:ROWS_MOST]:
        lines.append("<tr>" + "".join(_cell(value) for value in row) + "</tr>")
    lines.append("</table>")
    if len(rows) > ROWS_MOST:
        lines.append(f"<p>The first {ROWS_MOST} of {len(rows):,} lines.</p>")
    return "\n".join(lines)


def _cell(value):
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    return f"<td>{value}</td>"


# ---- the parts of the page -------------------------------------------------------------------------------------------


def _head(path, evidence):
    counts = np.bincount(evidence.status.ravel(), minlength=len(STATUSES))
    fits = int(counts.sum() - counts[STATUSES.index("skipped")] - counts[STATUSES.index("not_needed")])
    others = "".join(f", {count:,} {name.replace('_', ' ')}" for name, count in zip(STATUSES, counts)
                     if count and name != "converged")
    return (f"<h1>{html.escape(Path(path).name)}</h1>\n<p>A sweep of SGD on a single-neuron autoencoder: "
            f"{fits:,} runs, {counts[STATUSES.index('converged')]:,} of them converged{others}.</p>")


def _claims(verdicts):
    lines = ["<h2>Claims</h2>"]
    for kind, title in CLASSES.items():
        own = [verdict for verdict in verdicts if verdict.kind == kind]
        if own:
            lines += [f"<h3>{html.escape(kind.capitalize() + title[len(kind):])}</h3>",
                      _table(("verdict", "claim", "what it says, and what was found"), [_claim(one) for one in own])]
    return "\n".join(lines)


def _claim(verdict):
    found = []
    if verdict.kind == "exact" and verdict.held + verdict.violated:
        found.append(f"{verdict.held:,} runs hold, {verdict.violated:,} violate.")
    for name, counts in (("open", verdict.open), ("left out", verdict.left_out)):
        if counts:
            found.append(f"{name}: " + ", ".join(f"{count:,} {reason}" for reason, count in counts.items()))
    found += [text for text in (verdict.reason, verdict.note) if text]
    if verdict.first_violation and verdict.kind == "exact":
        found.append("first violation: " + describe(verdict.first_violation))
    text = f"{html.escape(verdict.statement)}<br>" + "<br>".join(map(html.escape, found))
    if verdict.rows:
        shown = [f"<li>{html.escape(format_row(row))}</li>" for row in verdict.rows[:ROWS_MOST]]
        text += f"<details open><summary>{len(verdict.rows)} rows</summary><ul>{''.join(shown)}</ul></details>"
    if verdict.derivation:
        text += f"<details><summary>derivation</summary>{html.escape(verdict.derivation)}</details>"
    style = f'<span class="{verdict.verdict}">{verdict.verdict}</span>'
    return style, html.escape(verdict.claim), text


def _figures(path):
    lines, missing = ["<h2>Figures</h2>"], []
    for kind, caption in FIGURES.items():
        try:
            picture = io.BytesIO()
            draw(path, kind).savefig(picture, format="png", dpi=DPI)
        except SweepError as error:
            missing.append(f"<li>{kind}: {html.escape(str(error))}</li>")
            continue
        data = base64.b64encode(picture.getvalue()).decode()
        lines.append(f'<figure id="figure-{kind}"><img alt="{html.escape(caption)}" src="data:image/png;base64,{data}">'
                     f"<figcaption>{html.escape(caption[0].upper() + caption[1:])}.</figcaption></figure>")
    if missing:
        lines.append(f"<p>Not drawn, since the file has no data for them:</p><ul>{''.join(missing)}</ul>")
    return "\n".join(lines)


def _explorer(path):
    tables, left_out = cell_tables(path)
    with open_sweep(path, only=()) as sweep:
        quantity = sweep["step_value"].attrs.get("quantity", "eps")
        titles = {"step_value": f"step size ({quantity})", "batch": "batch size"}
        axes = [{"name": name, "title": titles.get(name, name),
                 "values": [_value(value) for value in sweep[name].values]} for name in RUN_AXES[:-1]]
    shape = {"axes": axes, "measures": [{"name": name, "label": label} for name, (label, _) in tables.items()]}
    values = np.concatenate([values.ravel() for _, values in tables.values()]).astype("<f4").tobytes()
    note = f" Left out to keep the page small: {', '.join(left_out)}." if left_out else ""
    return f"""<h2>Explore</h2>
<p>One cell is one point of all axes but seed: means over its converged runs, medians of steps over all finished ones
(grey: none, or not reached in half of them).{note}</p>
<figure id="explorer">
<div id="controls"></div>
<div id="heatmap"></div>
</figure>
<script type="application/json" id="shape">{json.dumps(shape).replace("<", chr(92) + "u003c")}</script>
<script type="application/gzip" id="values">{_packed(values)}</script>"""


def _value(value):
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)


def _rows(rows):
    """A line per activation, sampling, dimension and batch size, step sizes together."""
    lines = []
    for row in rows:
        fits = row["runs"] - row["skipped"]
        low, high = clopper_pearson(row["seeds_converged"], row["seeds"])
        others = ", ".join(f"{row[name]:,} {name.replace('_', ' ')}" for name in STATUSES
                           if row[name] and name not in ("converged", "skipped"))
        lines.append([row["activation"], row["sampling"].replace("_", " "), row["dimension"], row["samples"],
                      row["batch_size"], fits, row["converged"],
                      f"{row['seeds_converged'] / max(row['seeds'], 1):.3f} ({low:.3f} to {high:.3f})", others]
                     + [_interval(row[name]) for name in MEASURES])
    head = ["activation", "sampling", "d", "n", "b", "runs", "converged", "seeds of which all did", "others",
            *MEASURES.values()]
    return ("<h2>Where runs end</h2>\n<p>Runs of a seed share their start, so the share of seeds all of whose runs "
            f"converged has the exact interval (Clopper and Pearson, {LEVEL:.0%}); means over converged runs with 95 % "
            "bootstrap intervals over seeds.</p>\n" + _table(head, lines))


def _interval(value):
    if value["mean"] != value["mean"]:
        return "none"
    text, low, high = (f"{value[name]:.4g}" for name in ("mean", "low", "high"))
    return text if low == high or value["low"] != value["low"] else f"{text} ({low} to {high})"


def _attributes(path):
    with open_sweep(path, only=()) as sweep:
        return {name: value.item() if hasattr(value, "item") else value for name, value in sweep.attrs.items()}


def _grid(path):
    attributes = _attributes(path)
    source, resolved = attributes.get("grid_source", ""), attributes.get("grid", "")
    return (f"<h2>Grid</h2>\n<pre>{html.escape(source)}</pre>\n<details><summary>as resolved</summary>"
            f"<pre>{html.escape(resolved)}</pre></details>")


def _provenance(path, command):
    attributes = _attributes(path)
    facts = {name.replace("_", " "): value for name, value in attributes.items() if name not in ("grid", "grid_source")}
    facts["file"] = f"{Path(path).name}, {Path(path).stat().st_size:,} bytes"
    try:
        facts.update(_log_facts(f"{path}.log"))
    except SweepError:
        facts["log"] = "none beside the file"
    facts["report"] = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    facts["report made with"] = f"Python {platform.python_version()}, numpy {np.__version__}"
    if command:
        facts["command"] = command
    return "<h2>Provenance</h2>\n" + _table(("", ""), [(html.escape(str(name)), html.escape(str(value)))
                                                      for name, value in facts.items()])


def _log_facts(path):
    lives, blocks = read_log(path)
    seconds = sum(life["end"] - life["start"] for life in lives)
    ranks = max((life["ranks"] for life in lives), default=0)
    work = sum(block["seconds"] for block in blocks)
    facts = {"trained": f"in {len(lives)} lives, {seconds:,.1f} s on up to {ranks} ranks, processor time {work:,.1f} s"}
    for line in Path(path).read_text(errors="replace").splitlines():
        if '"event":"complete"' in line:
            try:
                facts["results digest"] = json.loads(line).get("results_digest", "")
            except ValueError:
                continue
    return facts


def _licence(library):
    """What the header of plotly.js says, and the licence that it names."""
    header = library.split("*/")[0].replace("/**", "").replace("*", "").split("\n")
    notice = ". ".join(line.strip() for line in header if line.strip())
    return (f"<footer><p>The heatmaps are drawn by {html.escape(notice)}.</p>\n<details class=\"screen\"><summary>MIT "
            f"license</summary><pre>{html.escape((HERE / 'report-licence.txt').read_text())}</pre></details></footer>")
