#!/usr/bin/env python3
"""What `plan` says against what `run` takes.

    python3 tests/bench/plan_check.py [--rounds 5] [--ranks 1,2] [--at-most 1.2] [--cpu] [--program FILE] [GRID ...]

For each grid and number of ranks, in turns: plan, which measures the machine, then run. Prints planned and real
makespan (from the start of training to the last block in the file) with their ratio, its median, and how many cells
with more than a second of work were predicted within a factor of 1.5. Exit 1 if a median ratio is off by more than
--at-most.
--cpu: on a machine that others use too: one rank, and processor time instead of real time, less what an empty sweep
takes. Says nothing about waiting and tails.
Without GRID three grids of some seconds: all samplings; runs that differ by six orders of magnitude; one seed."""
import argparse
import datetime
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GRIDS = {
    "samplings": """
activation: [linear, relu]
sampling: [without_replacement, with_replacement, shuffle, cyclic]
dimension: [16, 64, 128]
batch_size: [1, n/8, n/2, n-1, n]
step_size: {scaled_by_batch: [0.05, 0.1, 0.2, 0.4]}
seed: {first: 1, count: 64}
""",
    "orders": """
activation: relu
dimension: [4, 32, 1000]
batch_size: [1, n/2, n-1, n]
step_size: {scaled_by_batch: [0.02, 0.05, 0.1, 0.2, 0.45]}
seed: {first: 1, count: 48}
""",
    "single": """
activation: [linear, relu]
dimension: 200
batch_size: [1, 2, n/10, n/2, n-1]
step_size: {scaled_by_batch: {log: [0.02, 0.4], points: 300}}
seed: 7
""",
}


def seconds(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def plan(program, grid, ranks):
    done = subprocess.run([program, "plan", grid, "--ranks", str(ranks), "--json"], check=True, capture_output=True)
    return json.loads(done.stdout)


def run(program, grid, ranks, folder):
    """Seconds from the start of training to the last block, and the log's accuracy of predictions."""
    out = os.path.join(folder, "x.h5")
    for name in (out, out + ".log"):
        if os.path.exists(name):
            os.remove(name)
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", TMPDIR=folder)
    subprocess.run(["mpirun", "--bind-to", "none", "--oversubscribe", "-n", str(ranks), program, "run", grid, "-o", out,
                    "--yes", "--progress", "none"], check=True, env=environment, capture_output=True)
    with open(out + ".log", encoding="utf-8") as log:
        events = [json.loads(line) for line in log]
    begin = next(event for event in events if event.get("event") == "start")
    last = [event for event in events if event.get("event") == "block"][-1]
    return seconds(last) - seconds(begin), next(e for e in events if e.get("event") == "prediction")


EMPTY = "dimension: 2\nbatch_size: 1\nstep_size: 0.1\nseed: 1\nstop: {max_steps: 1}\n"


def run_cpu(program, grid, folder, empty_s=0):
    """Processor seconds of a sweep, less empty_s, and the log's accuracy of predictions."""
    def spent_s():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before_s = spent_s()
    _, accuracy = run(program, grid, 1, folder)
    return spent_s() - before_s - empty_s, accuracy


def check(arguments, name, grid, ranks, folder):
    ratios = []
    for _ in range(arguments.rounds):
        planned = plan(arguments.program, grid, ranks)["makespan_seconds"]
        if arguments.cpu:
            real, accuracy = run_cpu(arguments.program, grid, folder, arguments.empty_s)
        else:
            real, accuracy = run(arguments.program, grid, ranks, folder)
        ratios.append(planned / real)
        print(f"{name:10s} {ranks} ranks: planned {planned:6.2f} s, took {real:6.2f} s, ratio {ratios[-1]:.3f}; "
              f"{accuracy['within_1_5']} of {accuracy['cells']} cells within 1.5 (worst {accuracy['worst']:.2f})",
              flush=True)
    median = statistics.median(ratios)
    print(f"{name:10s} {ranks} ranks: median ratio {median:.3f}")
    return max(median, 1 / median) <= arguments.at_most


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grids", nargs="*", metavar="GRID")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ranks", default="1,2", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--at-most", type=float, default=1.2)
    parser.add_argument("--program", default=os.environ.get("SGDSWEEP", os.path.join(ROOT, "build", "sgdsweep")))
    parser.add_argument("--cpu", action="store_true")
    arguments = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="sgs") as folder:
        if arguments.cpu:
            arguments.ranks = [1]
            empty = os.path.join(folder, "empty.yaml")
            with open(empty, "w", encoding="utf-8") as file:
                file.write(EMPTY)
            arguments.empty_s = statistics.median(run_cpu(arguments.program, empty, folder)[0] for _ in range(3))
        grids = {os.path.basename(path): path for path in arguments.grids}
        for name, text in {} if grids else GRIDS.items():
            grids[name] = os.path.join(folder, name + ".yaml")
            with open(grids[name], "w", encoding="utf-8") as file:
                file.write(text)
        for name, grid in grids.items():
            for ranks in arguments.ranks:
                good &= check(arguments, name, grid, ranks, folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
