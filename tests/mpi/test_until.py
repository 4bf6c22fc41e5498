"""Early stopping by precision: whole sweeps whose cells have as many seeds as a precision takes.

    SGDSWEEP=build/sgdsweep python3 test_until.py [UntilTest.test_...]

What is decided is a function of the runs alone. So the expectation is always the whole file of an undisturbed sweep on
one rank, byte by byte: results, statuses, decisions; and the decisions are computed a second time here, with SciPy.
"""
import json
import os
import subprocess
import sys
import time
import unittest

import h5py
import numpy as np
from scipy.stats import beta

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fault"))
from lab import FaultTest  # noqa: E402

CONVERGED, NOT_NEEDED = 1, 7

# At b = n with ReLU a run is sparse where one point is active at the start: 1/4 of the runs at n = 4 and 1/10 at n = 6;
# b = 12 does not fit; eps = 0.6 does not converge.
MIXED = """
activation: [linear, relu]
dimension: [4, 6, 16]
batch_size: [1, n, 12]
step_size: {scaled_by_batch: [0.2, 0.6]}
seed: {first: 5, until: {measure: sparse, half_width: 0.05, confidence: 0.9, looks: [20, 50, 120, 300]}}
stop: {max_steps: 20000}
"""

MIXED_ELSEWISE = """
dimension: [16, 4, 6]
activation: [relu, linear]
batch_size: [12, n, 1]
step_size: {scaled_by_batch: [0.6, 0.2]}
seed:
  first: 5
  until: {looks: [20, 50, 120, 300], measure: max_share, at_least: 0.99, half_width: 0.05, confidence: 0.9}
stop: {max_steps: 20000}
"""

# Runs of some milliseconds, 24 of the 96 seeds needed.
LONG = """
activation: [linear, relu]
dimension: [40, 48]
batch_size: [1, n-1]
step_size: {scaled_by_batch: [0.03, 0.06]}
seed: {until: {measure: sparse, half_width: 0.1, looks: [12, 24, 48, 96]}}
"""

MEAN = """
activation: [linear, relu]
dimension: 8
batch_size: [1, n]
step_size: {scaled_by_batch: [0.2, 0.52]}
seed: {until: {measure: alignment_init, half_width: %s, confidence: 0.9, looks: [60, 200, 700]}}
stop: {max_steps: 3000}
"""


def decide_share(good, looks, half_width, confidence):
    """(precision, seeds, estimate, low, high) of the outcomes of a cell in seed order."""
    for look in looks:
        count, delta = int(good[:look].sum()), (1 - confidence) / len(looks)
        low = beta.ppf(delta / 2, count, look - count + 1) if count else 0.0
        high = beta.ppf(1 - delta / 2, count + 1, look - count) if count < look else 1.0
        low, high = np.floor(low * 1e6) / 1e6, np.ceil(high * 1e6) / 1e6
        reached = high - low <= 2 * half_width + 1e-9
        if reached or look == looks[-1]:
            return 1 if reached else 2, look, count / look, low, high
    raise AssertionError


def decide_mean(values, span, looks, half_width, confidence):
    """The same for values, NaN where a run has none, on a range."""
    place = (values - span[0]) / (span[1] - span[0])
    for look in looks:
        log = np.log(4 * len(looks) / (1 - confidence))
        ends = []
        for worst, side in ((0.0, -1), (1.0, 1)):
            z = np.where(np.isnan(place[:look]), worst, place[:look])
            ends.append(z.mean() + side * (np.sqrt(2 * z.var(ddof=1) * log / look) + 7 * log / (3 * (look - 1))))
        low, high = np.floor(max(ends[0], 0) * 1e6) / 1e6, np.ceil(min(ends[1], 1) * 1e6) / 1e6
        scale = span[1] - span[0]
        reached = (high - low) * scale <= 2 * half_width + 1e-9
        if reached or look == looks[-1]:
            mean = np.nanmean(values[:look]) if np.isfinite(values[:look]).any() else np.nan
            return 1 if reached else 2, look, mean, span[0] + low * scale, span[0] + high * scale
    raise AssertionError


class UntilTest(FaultTest):
    def cells(self, file):
        """Every cell that is not skipped: its coordinates, and the variables of its runs and of its decision."""
        with h5py.File(self.path(file)) as data:
            axes = ("activation", "sampling", "dimension", "batch", "step_value")
            names = [axis[()] for axis in (data[name] for name in axes)]
            fits = data["batch_size"][()]
            whole = {name: data[name][()] for name in ("status", "max_share", "alignment_init", "precision",
                                                       "looks_used", "seeds_used", "estimate", "estimate_low",
                                                       "estimate_high")}
        for at in np.ndindex(*whole["precision"].shape):
            if fits[at[2], at[3]] > 0:
                key = tuple(values[place] for values, place in zip(names, at))
                yield key, {name: values[at] for name, values in whole.items()}

    def decided(self, cell):
        return (int(cell["precision"]), int(cell["seeds_used"]), float(cell["estimate"]), float(cell["estimate_low"]),
                float(cell["estimate_high"]))

    def check_statuses(self, cell, looks):
        used = int(cell["seeds_used"])
        self.assertEqual(looks[int(cell["looks_used"]) - 1], used)
        self.assertFalse(np.isin(cell["status"][:used], (0, 5, 6, 7)).any())
        self.assertTrue((cell["status"][used:] == NOT_NEEDED).all())

    # ---- what is decided

    def test_shares(self):
        """Against SciPy, from the results of a grid with a fixed number of seeds."""
        looks = [20, 50, 120, 300]
        self.write("g.yaml", MIXED)
        self.sweep("g.yaml", "until.h5", 2)
        fixed = MIXED[:MIXED.index("seed:")] + "seed: {first: 5, count: 300}\nstop: {max_steps: 20000}\n"
        self.write("fixed.yaml", fixed)
        self.sweep("fixed.yaml", "fixed.h5")
        with h5py.File(self.path("fixed.h5")) as data:
            status, share = data["status"][()], data["max_share"][()]
        used = set()
        kinds = set()
        with h5py.File(self.path("until.h5")) as data:
            shape = data["precision"].shape
        everywhere = [at for at in np.ndindex(*shape) if status[at][0] != 5]
        for at, (_, cell) in zip(everywhere, self.cells("until.h5"), strict=True):
            good = (status[at] == CONVERGED) & (share[at] >= 0.99)
            want = decide_share(good, looks, 0.05, 0.9)
            self.assertEqual(self.decided(cell)[:3], want[:3])
            np.testing.assert_allclose(self.decided(cell)[3:], want[3:], atol=1.1e-6)
            self.check_statuses(cell, looks)
            np.testing.assert_array_equal(cell["status"][:want[1]], status[at][:want[1]])
            used.add(want[1])
            kinds.add(want[0])
        self.assertGreaterEqual(len(used), 3)  # the grid has cells of many kinds, or it shows little
        self.assertEqual(kinds, {1, 2})
        state = self.status("until.h5")
        self.assertEqual(state["cells_open"], 0)
        self.assertEqual(state["cells_reached"] + state["cells_not_reached"], len(everywhere))
        self.assertEqual(len(self.events("until.h5", "decision")), len(everywhere))

    def test_means(self):
        """Empirical Bernstein with runs that do not converge; one width that is reached, one that is not."""
        looks = [60, 200, 700]
        for half_width, precisions in ((0.2, {1, 2}), (0.001, {2})):
            file = f"{half_width}.h5"
            self.write("g.yaml", MEAN % half_width)
            self.sweep("g.yaml", file, 2)
            seen = set()
            for _, cell in self.cells(file):
                values = np.where(cell["status"] == CONVERGED, cell["alignment_init"], np.nan)
                want = decide_mean(values, (-1.0, 1.0), looks, half_width, 0.9)
                self.assertEqual(self.decided(cell)[:2], want[:2])
                np.testing.assert_allclose(self.decided(cell)[2:], want[2:], atol=2.1e-6)
                self.check_statuses(cell, looks)
                seen.add(want[0])
            self.assertEqual(seen, precisions)

    # ---- the same from any number of ranks, in any order, after any interruption

    def test_rank_counts_and_orders(self):
        self.write("g.yaml", MIXED)
        digest = self.sweep("g.yaml", "1.h5")
        whole = self.read("1.h5")
        for ranks in (1, 2, 3, 5):
            self.sweep("g.yaml", f"{ranks}r.h5", ranks)
            self.assertEqual(self.read(f"{ranks}r.h5"), whole, f"{ranks} ranks")
        self.program(3, "run", self.path("g.yaml"), "-o", self.path("d.h5"), "--master", "dedicated")
        self.assertEqual(self.read("d.h5"), whole)
        self.write("other.yaml", MIXED_ELSEWISE)
        self.assertEqual(self.sweep("other.yaml", "other.h5", 2), digest)
        here, there = ({key: self.decided(cell) for key, cell in self.cells(file)} for file in ("1.h5", "other.h5"))
        self.assertEqual(here, there)

    def test_kill(self):
        """SIGKILL at random moments, with other ranks each time."""
        self.write("g.yaml", LONG)
        began = time.time()
        self.sweep("g.yaml", "whole.h5", 2)
        took = time.time() - began
        whole = self.read("whole.h5")
        kills = open_cells = 0
        for life in range(200):
            process = self.start(life % 3 + 1, "run", self.path("g.yaml"), "-o", self.path("k.h5"))
            try:
                process.communicate(timeout=took * self.chance.uniform(0.1, 0.7))
                break
            except subprocess.TimeoutExpired:
                self.kill_all(process)
                process.communicate()
            kills += 1
            if os.path.exists(self.path("k.h5")):
                state = self.status("k.h5")
                self.assertEqual(state["damaged"], 0)
                self.verify("k.h5", code=0)  # a cell that was decided and does not say so yet is no damage
                open_cells += state["cells_open"] > 0
        self.assertEqual(process.returncode, 0)
        self.assertTrue(kills and open_cells, "killed too late to mean anything")
        self.assertEqual(self.read("k.h5"), whole)

    def test_stop(self):
        """Stopped in time: exit 75, and the same command goes on."""
        self.write("g.yaml", LONG)
        self.sweep("g.yaml", "whole.h5", 2)
        codes = []
        while not codes or codes[-1] == 75:
            self.assertLess(len(codes), 20)
            limit = str(0.1 * 1.5 ** len(codes))  # the machine may be busy
            codes.append(self.program(2, "run", self.path("g.yaml"), "-o", self.path("s.h5"), "--max-seconds", limit,
                                      code=None).returncode)
        self.assertEqual(codes, [75] * (len(codes) - 1) + [0])
        self.assertGreater(len(codes), 1)
        self.assertEqual(self.read("s.h5"), self.read("whole.h5"))

    # ---- decisions follow from the runs, whatever the file says

    def change(self, file, change):
        with h5py.File(self.path(file), "r+", libver=("v108", "v108")) as data:
            change(data)

    def verify(self, file, *arguments, code):
        return json.loads(self.program(0, "verify", self.path(file), "--json", "--sample", "0", *arguments,
                                       code=code).stdout)

    def verify_repairs(self, file, damaged, pending):
        """One change of one cell is found, once, and mended: from then on nothing is wrong, and a sweep has to do what
        a damaged run was, and nothing else."""
        before = self.read(file)
        found = self.verify(file, code=3)
        self.assertEqual(self.read(file), before)
        self.assertEqual((found["wrong"], found["cells_wrong"], found["damaged"]), (1, 1 - damaged, damaged), found)
        self.assertIn("checksum" if damaged else "cell", found["findings"][0]["text"])
        self.assertEqual(self.verify(file, "--repair", code=3)["repaired"], damaged)
        again = self.verify(file, code=0)
        self.assertEqual((again["wrong"], again["pending"] > 0), (0, pending))
        self.assertEqual(self.events(file, "repair")[-1]["cells"], 1 - damaged)

    def test_what_does_not_follow_is_not_believed(self):
        self.write("g.yaml", MIXED)
        self.sweep("g.yaml", "f.h5")
        whole = self.read("f.h5")
        self.assertEqual(self.verify("f.h5", code=0)["decided"], 28)
        with h5py.File(self.path("f.h5")) as data:
            used = data["seeds_used"][0, 0, 2, 0, 0]
        self.assertLess(used, 300)

        def needed_is_marked(data):  # a run of the prefix
            data["status"][0, 0, 2, 0, 0, used - 1] = NOT_NEEDED

        def mark_is_lost(data):
            data["status"][0, 0, 2, 0, 0, 299] = 0

        def other_decision(data):
            data["estimate_low"][0, 0, 2, 0, 0] += 1e-6

        def no_decision(data):
            data["precision"][0, 0, 2, 0, 0] = 0

        def damaged_run(data):
            data["max_share"][0, 0, 2, 0, 0, 3] = 0.5

        def everything_marked(data):
            data["status"][0, 0, 2, 0, 0, 20:] = NOT_NEEDED

        for change in (needed_is_marked, mark_is_lost, other_decision, no_decision, damaged_run, everything_marked):
            self.change("f.h5", change)
            self.assertNotEqual(self.read("f.h5"), whole)
            state = self.status("f.h5", code=3 if change is damaged_run else 0)
            self.assertFalse(state["complete"], change.__name__)
            self.assertEqual(state["cells_open"], 1, change.__name__)
            lost = change not in (mark_is_lost, other_decision, no_decision)
            self.verify_repairs("f.h5", change is damaged_run, lost)
            self.assertEqual(self.read("f.h5") == whole, not lost, change.__name__)
            self.change("f.h5", change)
            self.sweep("g.yaml", "f.h5", 2)
            self.assertEqual(self.read("f.h5"), whole, change.__name__)
        self.program(0, "run", self.path("g.yaml"), "-o", self.path("f.h5"))  # complete: nothing to do
        self.assertEqual(self.read("f.h5"), whole)

    def trained(self, file):
        """Runs, in the last life of a sweep."""
        events = self.events(file)
        begin = max(i for i, event in enumerate(events) if event["event"] in ("start", "resume"))
        return sum(event["count"] for event in events[begin:] if event["event"] == "block")

    def test_what_is_there_is_kept(self):
        """Damage in the first look: its runs are done again, and none of those of later looks."""
        self.write("g.yaml", MIXED)
        self.sweep("g.yaml", "f.h5")
        whole = self.read("f.h5")
        with h5py.File(self.path("f.h5")) as data:
            used = data["seeds_used"][0, 0, 2, 0, 0]
        self.assertGreater(used, 20)

        def damage(data):
            data["max_share"][0, 0, 2, 0, 0, [3, 7, used - 1]] = 0.5

        self.change("f.h5", damage)
        self.sweep("g.yaml", "f.h5", 2)
        self.assertEqual(self.trained("f.h5"), 3)
        self.assertEqual(self.read("f.h5"), whole)

    def test_reuse(self):
        """All seeds of another file but one of the first look: one run is trained and none is forgotten, needed or
        not."""
        cell = MIXED.replace("[linear, relu]", "linear").replace("[4, 6, 16]", "16").replace("[1, n, 12]", "1")
        seeds = cell[cell.index("seed:"):cell.index("stop:")]
        for name, first in (("all", 5), ("late", 6)):
            self.write(f"{name}.yaml", cell.replace(seeds, f"seed: {{first: {first}, count: {305 - first}}}\n"))
            self.sweep(f"{name}.yaml", f"{name}.h5")
            self.write("g.yaml", cell)
            self.program(1, "run", self.path("g.yaml"), "-o", self.path(f"new_{name}.h5"), "--reuse",
                         self.path(f"{name}.h5"))
        self.assertEqual((self.trained("new_all.h5"), self.trained("new_late.h5")), (0, 2))  # in two cells
        self.assertEqual(self.read("new_late.h5"), self.read("new_all.h5"))
        self.assertEqual(self.status("new_late.h5")["not_needed"], 0)

    def test_one_look(self):
        """A fixed number of seeds with an interval in the file; blocks stay inside of a cell all the same."""
        self.write("g.yaml", "dimension: 8\nbatch_size: [1, 2, n]\nstep_size: {scaled_by_batch: [0.1, 0.2]}\n"
                             "seed: {until: {measure: converged, half_width: 0.2, looks: 40}}\n")
        self.sweep("g.yaml", "f.h5", 2)
        for _, cell in self.cells("f.h5"):
            self.assertEqual(int(cell["precision"]), 1)
            self.check_statuses(cell, [40])
        self.assertEqual(len(self.events("f.h5", "decision")), 12)

    def test_plan(self):
        """The file is that of the last look, and plan says so."""
        self.write("g.yaml", MIXED)
        said = self.program(0, "plan", self.path("g.yaml")).stdout
        self.assertRegex(said, r"seeds a cell +20 to 300; runs, time and file above are for 300")
        self.assertRegex(said, r"half width +0\.05 asked for; 0\.00\d+ at best")
        self.write("fine.yaml", MIXED.replace("0.05", "0.001"))
        self.assertIn("it is not reached", self.program(0, "plan", self.path("fine.yaml")).stdout)


if __name__ == "__main__":
    unittest.main()
