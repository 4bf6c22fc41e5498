"""SIGKILL at random: of one rank and of all, while the file is created, at the first block, while writing, while states
are saved, at the end, at any time. Each time the file opens in h5dump and here, has no damaged run and has lost none;
at last every sweep ends with the digest of an undisturbed one.

    SGDSWEEP=build/sgdsweep SGDSWEEP_SHIM_LIBRARY=build/tests/libfault_shim.so python3 tests/fault/test_kills.py

By default some sweeps, in the long tier (SGDSWEEP_TEST_FULL=1) at least 200 kills over at least 20 sweeps.
"""
import os
import re
import signal
import subprocess
import time
import unittest
from collections import Counter

from lab import FULL, FaultTest

SWEEPS, ALL_KILLS = (20, 200) if FULL else (4, 15)  # at least
KILLS = 8  # of one sweep at most: then it may end

# About a core-second of work in runs of some milliseconds.
GRIDS = {"plain": """
activation: [linear, relu]
dimension: [48, 64]
batch_size: [1, n-1, n]
step_size: {scaled_by_batch: [0.05, 0.1]}
seed: {first: 1, count: 12}
"""}
GRIDS["records"] = GRIDS["plain"] + "record: {until: 1000, measures: [norm, max_share]}\nweights: final\n"
GRIDS["trajectories"] = GRIDS["plain"] + "record: {steps: [0, 10, 100]}\nweights: record\n"
# A few long runs, whose states are saved.
GRIDS["long"] = """
activation: relu
dimension: 256
batch_size: [1, n-1]
step_size: {scaled_by_batch: 0.02}
seed: {first: 1, count: 6}
"""

# How a sweep is killed: (class of own calls, smallest and largest n, part of the file's name), or None: by the clock.
PHASES = {
    "creation": [("hdf5", 1, 700, None), ("open", 1, 8, None), ("link", 1, 4, None), ("sync", 1, 3, None),
                 ("space", 1, 3, None)],
    "first block": [("hdf5", 50, 140, None)],
    "writing": [("hdf5", 140, 700, None)],
    "saving": [("write", 1, 40, ".ckpt"), ("link", 1, 12, ".ckpt"), ("sync", 1, 12, ".ckpt"), ("open", 1, 12, ".ckpt")],
    "closing": [("close", 1, 9, "a.h5$"), ("sync", 1, 3, "a.h5$")],
    "any time": None,
}


class KillTest(FaultTest):
    def setUp(self):
        super().setUp()
        self.env["SGDSWEEP_RANKS_PER_NODE"] = "2"
        self.kills = Counter()
        self.finished_early = 0
        self.can_save = "--checkpoint" in self.program(0, "run", "--help").stdout

    def tearDown(self):
        print(f"{sum(self.kills.values())} kills: {dict(self.kills)}; {self.finished_early} sweeps ended before theirs")
        super().tearDown()

    # ---- killing

    def options(self, phase):
        return ["--checkpoint", "0.05"] if self.can_save and (phase == "saving" or self.chance.random() < 0.5) else []

    def kill_by_clock(self, process, ranks, whole, limit_s):
        """After a random time, one rank or everything at once, mpirun first or last."""
        until = time.monotonic() + self.chance.random() * limit_s
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.001)
        if process.poll() is not None:
            return False
        if whole or not ranks:
            self.kill_all(process)
        else:
            os.kill(self.chance.choice(self.ranks_of(process)), signal.SIGKILL)
        return True

    def disturb(self, grid, phase, limit_s):
        """One life of the sweep, killed in a phase; False if it came to its end before."""
        ranks = self.chance.choice((0, 2, 2, 3))
        arguments = ["run", self.path(grid), "-o", self.path("a.h5"), "--progress", "none", *self.options(phase),
                     "--writer", self.chance.choice(("all", "node", "root"))]
        if PHASES[phase]:
            call, smallest, largest, part = self.chance.choice(PHASES[phase])
            rank = None if not ranks else self.chance.randrange(ranks) if phase not in ("creation", "closing") else 0
            process = self.start_with_shim(ranks, *arguments, rank=rank, path=part,
                                           shim=f"own {call} {self.chance.randint(smallest, largest)} 1 -1")
            what = phase
        else:
            whole = self.chance.random() < 0.5
            process = self.start(ranks, *arguments)
            killed = self.kill_by_clock(process, ranks, whole, limit_s)
            what = "any time, all" if whole else "any time, one rank"
        done = self.finish(process)
        killed = any(line[0] == "fired" for line in self.shim_report()) if PHASES[phase] else killed
        if killed:
            self.kills[what] += 1
            self.assertNotEqual(done.returncode, 0, f"{what}: {done.stderr}")
        else:
            self.assertEqual(done.returncode, 0, done.stderr)
        return killed

    # ---- judging

    def look(self, at_least):
        """The file after a kill: opens everywhere, nothing damaged, nothing lost. Returns its finished runs."""
        if not os.path.exists(self.path("a.h5")):
            self.assertEqual(at_least, 0, "the file is gone")
            return 0
        subprocess.run(["h5dump", "-H", self.path("a.h5")], check=True, stdout=subprocess.DEVNULL, timeout=60)
        status = self.status("a.h5")
        self.assertEqual((status["damaged"], status["failed"]), (0, 0), status)
        finished = sum(status[name] for name in ("converged", "max_steps", "diverged", "dead"))
        self.assertGreaterEqual(finished, at_least)
        return finished

    def survive(self, grid, expected, limit_s):
        """Create, kill and resume a.h5 until it is complete."""
        self.remove_sweep("a.h5")
        finished = 0
        phases = [phase for phase in PHASES if phase != "saving" or self.can_save]
        for _ in range(KILLS):
            fresh = not os.path.exists(self.path("a.h5"))
            phase = "creation" if fresh and self.chance.random() < 0.5 else self.chance.choice(phases[1:])
            killed = self.disturb(grid, phase, limit_s)
            finished = self.look(finished)
            if not killed:
                self.finished_early += 1
                break
        self.assertEqual(self.sweep(grid, "a.h5", ranks=self.chance.choice((0, 2))), expected)
        left = [name for name in os.listdir(self.folder) if re.fullmatch(r"a\.h5.*\.(lock|ckpt)", name)]
        self.assertEqual(left, [])

    def test_kills(self):
        expected, limit_s = {}, {}
        names = list(GRIDS) if self.can_save else [name for name in GRIDS if name != "long"]
        sweeps = 0
        while sweeps < SWEEPS or sum(self.kills.values()) < ALL_KILLS:
            name = names[sweeps % len(names)]
            sweeps += 1
            self.assertLess(sweeps, 10 * SWEEPS, "sweeps end before they are killed")
            grid = f"{name}.yaml"
            if name not in expected:
                self.write(grid, GRIDS[name])
                began = time.monotonic()
                expected[name] = self.sweep(grid, f"{name}.h5", ranks=2)
                limit_s[name] = time.monotonic() - began
            self.survive(grid, expected[name], limit_s[name])
        print(f"{sweeps} sweeps")


if __name__ == "__main__":
    unittest.main()
