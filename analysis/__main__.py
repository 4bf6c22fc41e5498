"""python3 -m analysis summary FILE [--json] | figure FILE -o OUT.png"""

import argparse
import json
import sys

from analysis.summary import format_table, summarise
from analysis.sweep import SweepError, open_sweep


def _summary(options):
    rows = summarise(open_sweep(options.file))
    if options.json:
        # NaN is no JSON: a mean over no runs is null.
        print(json.dumps([{key: None if value != value else value for key, value in row.items()} for row in rows]))
    else:
        print(format_table(rows))


def _figure(options):
    from analysis.figures import batch_size_figure  # matplotlib takes a second to load

    batch_size_figure(open_sweep(options.file)).savefig(options.output, dpi=options.dpi)


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python3 -m analysis", description="Look at a results file of sgdsweep.")
    verbs = parser.add_subparsers(required=True, metavar="summary | figure")
    summary = verbs.add_parser("summary", help="a table: runs, converged, means of the main measures")
    summary.add_argument("file")
    summary.add_argument("--json", action="store_true")
    summary.set_defaults(run=_summary)
    figure = verbs.add_parser("figure", help="sparsity, alignment and sharpness against batch size")
    figure.add_argument("file")
    figure.add_argument("-o", "--output", required=True, help="PNG, PDF or SVG, by its ending")
    figure.add_argument("--dpi", type=int, default=150)
    figure.set_defaults(run=_figure)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (SweepError, OSError) as error:
        print(f"analysis: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
