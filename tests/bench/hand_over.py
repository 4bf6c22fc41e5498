#!/usr/bin/env python3
"""What handing over gains: a sweep on two ranks whose last block is long, with and without it, in turns.

    python3 tests/bench/hand_over.py [--rounds 5] [--step 0.004] [--program FILE]

16 long runs fill one trainer's lanes. They go last and in one block because the schedule is told a wrong speed of the
machine. Prints the seconds from the start of training to the last block, and the processor time of the busier rank,
which says the same on a machine that has other things to do; and the median of its ratio."""
import argparse
import datetime
import glob
import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GRID = """
activation: relu
dimension: 64
batch_size: [n-1, n]
step_size: {scaled_by_batch: %g}
seed: {first: 1, count: 16}
"""
SPEED = {"sampling": "without_replacement", "steps": [{"n": 64, "b": 63, "ns": 1e-6}, {"n": 64, "b": 64, "ns": 1000}]}
# Runs a command and writes its processor time into a file of its own.
TIMED = ("import os, resource, subprocess, sys, tempfile; code = subprocess.call(sys.argv[2:]); "
         "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
         "file = tempfile.NamedTemporaryFile('w', dir=sys.argv[1], prefix='cpu', delete=False); "
         "file.write(str(used.ru_utime + used.ru_stime)); sys.exit(code)")


def seconds(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def run(program, folder, how):
    """Seconds of training, of the processor on the busier rank, results digest, parts that changed hands."""
    out = os.path.join(folder, how + ".h5")
    for name in [out, out + ".log", *glob.glob(os.path.join(folder, "cpu*"))]:
        if os.path.exists(name):
            os.remove(name)
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", TMPDIR=folder)
    command = ["mpirun", "--bind-to", "none", "--oversubscribe", "-n", "2", sys.executable, "-c", TIMED, folder]
    command += [program, "run", os.path.join(folder, "grid.yaml"), "-o", out, "--yes", "--progress", "none"]
    command += ["--hand-over", how, "--speed", os.path.join(folder, "speed.json")]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    with open(out + ".log", encoding="utf-8") as log:
        events = [json.loads(line) for line in log]
    begin = next(event for event in events if event["event"] == "start")
    last = [event for event in events if event["event"] == "block"][-1]
    digest = next(event for event in events if event["event"] == "complete")["results_digest"]
    cpu = []
    for name in glob.glob(os.path.join(folder, "cpu*")):
        with open(name, encoding="ascii") as file:
            cpu.append(float(file.read()))
    return seconds(last) - seconds(begin), max(cpu), digest, sum(event["event"] == "handed_over" for event in events)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--step", type=float, default=0.004)
    parser.add_argument("--program", default=os.environ.get("SGDSWEEP", os.path.join(ROOT, "build", "sgdsweep")))
    arguments = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory(prefix="sgs") as folder:
        with open(os.path.join(folder, "grid.yaml"), "w", encoding="utf-8") as file:
            file.write(GRID % arguments.step)
        with open(os.path.join(folder, "speed.json"), "w", encoding="utf-8") as file:
            json.dump(SPEED, file)
        for _ in range(arguments.rounds):
            without, cpu_without, digest, _ = run(arguments.program, folder, "never")
            with_it, cpu_with, again, moved = run(arguments.program, folder, "auto")
            assert digest == again, "the digests differ"
            ratios.append(cpu_without / cpu_with)
            print(f"without {without:.2f} s (processor {cpu_without:.2f} s), with {with_it:.2f} s ({cpu_with:.2f} s, "
                  f"{moved} parts changed hands), ratio {ratios[-1]:.2f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
