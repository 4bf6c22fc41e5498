#!/usr/bin/env python3
"""How far one master reaches: `plan` in simulated time for 10 to 10^5 ranks and grids of 10^6 to 10^9 runs.

    /usr/bin/python3 tests/bench/scale.py [-o scale.png] [--request-us U] [--mtbf HOURS] [--grid WORD] [--program FILE]

First a real sweep on two ranks, in blocks as small as they get, measures what a question with its answer and its report
take the master (unless --request-us gives it). Then one table and one figure: efficiency against ranks for each grid,
without failures and with one in --mtbf hours per rank (default 50000), and the share of the time in which the master is
busy. Where that is 1 the master is saturated. `bound` is the largest of total / ranks and the longest run, both as
predicted, over the makespan; the longest of many runs of a cell takes up to 1.85 times its prediction."""
import argparse
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RANKS = [10, 100, 300, 1000, 3000, 10000, 30000, 100000]
# Runs of some milliseconds and some seconds, and mixtures over six orders of magnitude.
MIXED = ("dimension: [4, 100, 1000]\nbatch_size: [1, 10, n/2, n-1, n]\nactivation: [linear, relu]\n"
         "step_size: {scaled_by_batch: {log: [0.01, 0.45], points: 10}}\nseed: {first: 1, count: %d}\n")
GRIDS = {
    "10^6 runs of 5 ms": "dimension: 64\nbatch_size: 1\nstep_size: {scaled_by_batch: [0.03, 0.032]}\nactivation: relu\n"
                         "seed: {first: 1, count: 500000}\n",
    "10^6 mixed runs": MIXED % 3334,
    "10^8 mixed runs": MIXED % 333400,
    "10^9 runs of 5 ms": "dimension: 64\nbatch_size: 1\nstep_size: {scaled_by_batch: [0.03, 0.032]}\nactivation: relu\n"
                         "seed: {first: 1, count: 500000000}\n",
    "10^9 runs of 2 us": "dimension: 2\nbatch_size: n\nstep_size: {scaled_by_batch: [0.2, 0.25]}\n"
                         "activation: [linear, relu]\nseed: {first: 1, count: 250000000}\n",
}
# A block for each of thousands of strips.
SMALL_BLOCKS = ("dimension: {linear: [2, 400], points: 399}\nbatch_size: [1, 2, 3, n-1, n]\n"
                "activation: [linear, relu]\n"
                "step_size: {scaled_by_batch: 0.4}\nseed: [1, 2]\nstop: {max_steps: 50}\n")


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def request_us(program, folder):
    """Microseconds of the master for a question, its answer and the report of the block."""
    out = os.path.join(folder, "small.h5")
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", TMPDIR=folder,
                       OMPI_MCA_mpi_yield_when_idle="1")
    subprocess.run(["mpirun", "--bind-to", "none", "--oversubscribe", "-n", "2", program, "run",
                    write(folder, "small.yaml", SMALL_BLOCKS), "-o", out, "--progress", "none", "--master",
                    "dedicated"], check=True, env=environment, capture_output=True)
    with open(out + ".log", encoding="utf-8") as log:
        master = next(e for e in map(json.loads, log) if e.get("event") == "master")
    return 2e6 * master["seconds"] / master["messages"], master["messages"]


def plan(arguments, speed, grid, ranks, mtbf):
    command = [arguments.program, "plan", grid, "--ranks", str(ranks), "--hours", "1e9", "--json", "--speed", speed,
               "--request-us", str(arguments.request_us)]
    if mtbf:
        command += ["--mtbf", str(mtbf)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def draw(rows, path):
    import matplotlib  # only the figure needs it

    matplotlib.use("Agg")
    import matplotlib.pyplot as pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for name in GRIDS:
        here = [row for row in rows if row[0] == name]
        if not here:
            continue
        line, = axes.plot([r[1] for r in here], [r[3] for r in here], marker="o", label=name)
        axes.plot([r[1] for r in here], [r[4] for r in here], linestyle=":", color=line.get_color())
    axes.set(xscale="log", xlabel="ranks", ylabel="efficiency (dotted: with failures)", ylim=(0, 1.05))
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", metavar="FILE")
    parser.add_argument("--request-us", type=float)
    parser.add_argument("--mtbf", type=float, default=50000)
    parser.add_argument("--grid", default="", help="only grids with this word in their name")
    parser.add_argument("--program", default=os.environ.get("SGDSWEEP", os.path.join(ROOT, "build", "sgdsweep")))
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="sgs") as folder:
        if not arguments.request_us:
            arguments.request_us, messages = request_us(arguments.program, folder)
            print(f"the master takes {arguments.request_us:.2f} us for a block's question and report "
                  f"({messages} messages)")
        bench = subprocess.run([arguments.program, "bench", "--seconds", "2", "--json"], check=True,
                               capture_output=True, text=True)
        speed = write(folder, "speed.json", bench.stdout)
        print(f"{'grid':20s} {'ranks':>7s} {'makespan':>10s} {'efficient':>9s} {'failing':>8s} {'bound':>6s} "
              f"{'blocks':>9s} {'master':>7s}")
        for name, text in GRIDS.items():
            if arguments.grid not in name:
                continue
            grid = write(folder, "grid.yaml", text)
            for ranks in RANKS:
                calm = plan(arguments, speed, grid, ranks, 0)
                rough = plan(arguments, speed, grid, ranks, arguments.mtbf)
                best = max(calm["predicted_core_seconds"] / ranks, calm["longest_run_seconds"])
                rows.append((name, ranks, calm["makespan_seconds"], calm["efficiency"], rough["efficiency"]))
                print(f"{name:20s} {ranks:7d} {calm['makespan_seconds']:8.4g} s {calm['efficiency']:9.3f} "
                      f"{rough['efficiency']:8.3f} {best / calm['makespan_seconds']:6.3f} {calm['blocks']:9d} "
                      f"{calm['master_seconds'] / calm['makespan_seconds']:7.2%}", flush=True)
    if arguments.output:
        draw(rows, arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
