"""python3 -m analysis summary FILE [--json] | figure FILE -o OUT.png [--kind KIND] |
claims FILE [--json] | report FILE -o OUT.html"""

import argparse
import json
import math
import os
import shlex
import sys

from analysis.kinds import FIGURES
from analysis.summary import format_table, summarise
from analysis.sweep import SweepError, open_sweep, precision_words


def _summary(options):
    sweep = open_sweep(options.file)
    rows = summarise(sweep)
    if options.json:
        # NaN is no JSON: a mean over no runs is null.
        print(json.dumps([{key: None if value != value else value for key, value in row.items()} for row in rows]))
    else:
        print("\n".join([format_table(rows), *precision_words(sweep)]))


def _figure(options):
    from analysis.figures import draw  # matplotlib takes a second to load

    figure = draw(options.file, options.kind, dict(options.where))
    for output in options.output:
        figure.savefig(output, dpi=options.dpi)


def _selection(text):
    axis, equals, values = text.partition("=")
    if not equals or not values:
        raise argparse.ArgumentTypeError(f"'{text}': AXIS=VALUE[,VALUE...] is accepted")
    return axis, values.split(",")


def _claims(options):
    """1 if a claim fails, 2 if the file cannot be judged."""
    from analysis.cell_table import cells_of, format_cells
    from analysis.claims import failed, judge_all
    from analysis.claims_table import format_rows, format_verdicts, rows_of
    from analysis.evidence import Evidence

    try:
        evidence = Evidence(options.file)
        rows, verdicts = rows_of(evidence), judge_all(evidence)
        cells = cells_of(evidence) if options.json or options.cells else []
    except (SweepError, OSError) as error:
        print(f"analysis: {error}", file=sys.stderr)
        return 2
    if options.json:
        claims = [verdict.as_dict() for verdict in verdicts]
        print(json.dumps(_plain({"rows": rows, "cells": cells, "claims": claims})))
    else:
        tables = ["\n".join([format_rows(rows), *evidence.precision])]
        tables += [format_cells(cells)] if options.cells else []
        print("\n\n".join([*tables, format_verdicts(verdicts)]))
    return int(failed(verdicts))


def _report(options):
    from analysis.report import write_report

    write_report(options.file, options.output, shlex.join(["python3", "-m", "analysis", *sys.argv[1:]]))


def _plain(value):
    """NaN and infinity are no JSON: null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python3 -m analysis", description="Look at a results file of sgdsweep.")
    verbs = parser.add_subparsers(required=True, metavar="summary | figure | claims | report")
    summary = verbs.add_parser("summary", help="a table: runs, converged, means of the main measures")
    summary.add_argument("file")
    summary.add_argument("--json", action="store_true")
    summary.set_defaults(run=_summary)
    figure = verbs.add_parser("figure", help="a picture", formatter_class=argparse.RawDescriptionHelpFormatter,
                              description="\n".join(f"{name:<12}{text}" for name, text in FIGURES.items()))
    figure.add_argument("file")
    figure.add_argument("-o", "--output", required=True, action="append",
                        help="PNG, PDF or SVG, by its ending; can be given more than once")
    figure.add_argument("--kind", choices=FIGURES, default="batch-size")
    figure.add_argument("--where", type=_selection, action="append", default=[], metavar="AXIS=VALUE[,VALUE...]",
                        help="only these values of an axis, such as dimension=64 or batch=1,n")
    figure.add_argument("--dpi", type=int, default=150)
    figure.set_defaults(run=_figure)
    claims = verbs.add_parser("claims", help="does each of the paper's claims hold? exit code 1 if one fails")
    claims.add_argument("file")
    claims.add_argument("--json", action="store_true")
    claims.add_argument("--cells", action="store_true", help="every cell too: how its runs end, and after how long")
    claims.set_defaults(run=_claims)
    report = verbs.add_parser("report", help="one HTML file: figures, claims, grid, heatmaps to explore")
    report.add_argument("file")
    report.add_argument("-o", "--output", required=True, help="the HTML file")
    report.set_defaults(run=_report)
    options = parser.parse_args(arguments)
    try:
        code = options.run(options) or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (SweepError, OSError) as error:
        print(f"analysis: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
