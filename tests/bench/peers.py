#!/usr/bin/env python3
"""What users would write instead, beside sgdsweep, on one core, in turns.

    /usr/bin/python3 tests/bench/peers.py [--install] [--json] [--check]

Every peer is checked for the right answer first (check.py). Then, for every column (n, b), rounds in which sgdsweep and
each peer run one after the other on the same core; a ratio is taken within a round, and medians and extremes over the
rounds are printed. Same model for all: relu, without replacement, n = d, float64, eps = 0.01; times are processor time.
A peer whose packages are missing is skipped, with a line that says so; --install installs them from Debian."""

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"  # before anything loads a library that reads it

import check  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PEERS = ("numpy_loop", "torch_loop", "torch_batched", "numba_lazy")
PACKAGES = ("python3-numpy", "python3-numba", "python3-torch")
COLUMNS = ((100, 1), (100, 10), (100, 50), (100, 99), (100, 100),
           (1000, 1), (1000, 10), (1000, 100), (1000, 500), (1000, 999), (1000, 1000))
EPS = 0.01
OURS = "sgdsweep"


def goals(n, b):
    """(peer, ratio) that the project aims at: at least so many times faster."""
    aim = []
    if b == 1:
        aim += [("numba_lazy", 8), ("torch_loop", 50000)]
    elif 10 <= b <= n // 2:
        aim.append(("numba_lazy", 6))
    elif b >= n - 1:
        aim.append(("numba_lazy", 300 if n == 100 else 1500))
    return aim if n in (100, 1000) else []


def install():
    """Debian's packages, and from here on Debian's Python, which is the one that sees them."""
    apt = [*([] if os.geteuid() == 0 else ["sudo"]), "apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300"]
    for command in ([*apt, "update"], [*apt, "install", "--no-install-recommends", *PACKAGES]):
        if subprocess.run(command, stdout=sys.stderr).returncode != 0:
            sys.exit(f"peers: failed: {' '.join(command)}")
    if Path(sys.executable).resolve() != Path("/usr/bin/python3").resolve():
        rest = [argument for argument in sys.argv[1:] if argument != "--install"]
        os.execv("/usr/bin/python3", ["/usr/bin/python3", __file__, *rest])


def load(names):
    """The modules that can be imported, and why the others cannot."""
    there, skipped = {}, {}
    for name in names:
        try:
            there[name] = importlib.import_module(name)
        except ImportError as error:
            skipped[name] = f"{error} in {sys.executable} (Debian: {' '.join(PACKAGES)}; or --install)"
    return there, skipped


def time_ours(program, n, b):
    """What the program's own bench says of one column."""
    command = [program, "bench", "--json", "--n", str(n), "--b", str(b), "--seconds", "1", "--repeats", "3"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def time_peer(peer, n, b, seconds):
    """ns per step and run of a fresh run; its first steps (caches, compilation) are not timed."""
    one = peer.Peer(n, b, EPS, check.start(n), seed=1)
    one.advance(2)
    steps, done, spent = 1, 0, 0.0
    while spent < seconds:
        begin = time.process_time()
        one.advance(steps)
        last = time.process_time() - begin
        spent += last
        done += steps
        if last < seconds / 8:
            steps *= 2
    return 1e9 * spent / (done * peer.RUNS)


def spread(values):
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def measure(options, peers):
    """Rows: n, b, program, ns, ratio to sgdsweep within the round."""
    rows, isa = [], None
    for n, b in options.columns:
        ns = {name: [] for name in (OURS, *peers)}
        for _ in range(options.rounds):
            answer = time_ours(options.program, n, b)
            isa = answer["isa"]
            ns[OURS].append(answer["steps"][0]["ns"])
            for name, peer in peers.items():
                ns[name].append(time_peer(peer, n, b, options.seconds))
        for name, values in ns.items():
            ratio = [value / ours for value, ours in zip(values, ns[OURS])]
            rows.append({"n": n, "b": b, "program": name, "ns": spread(values), "ratio": spread(ratio)})
        print(f"  n={n} b={b} done", file=sys.stderr, flush=True)
    return rows, isa


def short(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def around(value):
    """Lowest and highest as percent of the median."""
    return f"{100 * (value['low'] / value['median'] - 1):.0f}..+{100 * (value['high'] / value['median'] - 1):.0f} %"


def print_table(rows, title, text):
    columns = list(dict.fromkeys((row["n"], row["b"]) for row in rows))
    cell = {(row["n"], row["b"], row["program"]): row for row in rows}
    print(f"\n{title}\n{'':16}" + "".join(f"{f'{n}, {b}':>13}" for n, b in columns))
    for name in dict.fromkeys(row["program"] for row in rows):
        print(f"{name:16}" + "".join(f"{text(cell[n, b, name]):>13}" for n, b in columns))


def print_goals(rows):
    print("\nGoals: sgdsweep at least so many times as fast (median, lowest .. highest of the rounds)")
    for row in rows:
        for peer, least in goals(row["n"], row["b"]):
            if peer == row["program"]:
                ratio = row["ratio"]
                verdict = "met" if ratio["median"] >= least else "MISSED"
                print(f"  n={row['n']:<5} b={row['b']:<5} {peer:14} {short(ratio['median']):>9} "
                      f"({short(ratio['low'])} .. {short(ratio['high'])})  goal {least:,}: {verdict}")


def print_text(rows, isa, options):
    print(f"sgdsweep with {isa}, one core, {options.rounds} rounds, eps = {EPS:g}; columns are n, b")
    print_table(rows, "ns per step of one run, median", lambda row: short(row["ns"]["median"]))
    print_table(rows, "lowest and highest round", lambda row: around(row["ns"]))
    print_table(rows, "times slower than sgdsweep, median", lambda row: short(row["ratio"]["median"]))
    print_table(rows, "lowest and highest round", lambda row: around(row["ratio"]))
    print_goals(rows)


def parse_columns(text):
    pairs = tuple(tuple(int(number) for number in pair.split(":")) for pair in text.split(","))
    if any(len(pair) != 2 or not 1 <= pair[1] <= pair[0] for pair in pairs):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list like 100:1,100:99")
    return pairs


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help=f"install {' '.join(PACKAGES)} (large)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--check", action="store_true", help="only check the peers")
    parser.add_argument("--peers", default=",".join(PEERS), help="default %(default)s")
    parser.add_argument("--columns", type=parse_columns, default=COLUMNS, metavar="N:B,...")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.2, help="of a peer in a round, default %(default)s")
    parser.add_argument("--program", default=os.environ.get("SGDSWEEP", str(ROOT / "build" / "sgdsweep")),
                        help="default $SGDSWEEP or %(default)s")
    return parser.parse_args()


def check_all(peers):
    """Prints a line for each; the names of those that are wrong."""
    wrong = []
    for name, peer in peers.items():
        try:
            check.check(peer)
            print(f"{name}: right", file=sys.stderr, flush=True)
        except check.Wrong as error:
            wrong.append(name)
            print(f"{name}: WRONG: {error}", file=sys.stderr, flush=True)
    return wrong


def main():
    options = parse_options()
    if options.install:
        install()
    peers, skipped = load(options.peers.split(","))
    for name, reason in skipped.items():
        print(f"{name}: SKIPPED: {reason}", file=sys.stderr)
    if not peers:
        print("peers: nothing to compare with", file=sys.stderr)
        return 1
    if check_all(peers):
        return 1
    if options.check:
        return 0
    if not os.access(options.program, os.X_OK):
        print(f"peers: no program at {options.program}: build it, or name it with --program", file=sys.stderr)
        return 1
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # children inherit it
    rows, isa = measure(options, peers)
    if options.json:
        answer = {"isa": isa, "eps": EPS, "rounds": options.rounds, "skipped": skipped, "rows": rows}
        print(json.dumps(answer, indent=2))
    else:
        print_text(rows, isa, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
