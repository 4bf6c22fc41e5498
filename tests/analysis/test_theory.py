"""The predictions of analysis/theory.py against sweeps of the program, and against files made wrong."""

import unittest

import h5py
import numpy as np
from program import ProgramTest

from analysis import theory
from analysis.evidence import Evidence
from analysis.two_points import TwoPoints
from analysis.verdict import ESTIMATE, FAIL, NOT_TESTED, PASS, judge_predictions

PAIRS = """
activation: linear
sampling: [without_replacement, shuffle]
dimension: 2
batch_size: 1
step_size: {scaled_by_batch: [0.1, 0.2, 0.4]}
seed: {first: 1, count: 3000}
walk: {bins: 8, range: 4}
"""

ONES = """
sampling: [without_replacement, with_replacement, shuffle]
dimension: 8
batch_size: [1, 4, 7]
step_size: {scaled_by_batch: 0.4}
seed: {first: 1, count: 1500}
init: {distribution: ones}
"""

MIXED = """
sampling: [without_replacement, with_replacement, shuffle, cyclic]
dimension: [12, 64]
batch_size: [1, n/4, n/2, 8, n-1, n]
step_size: {scaled_by_batch: [0.1, 0.2]}
seed: {first: 1, count: 48}
record: {until: 100000, measures: [norm, participation_ratio]}
walk: {bins: 16}
"""


def verdicts(path, *names):
    """All verdicts, or those of the named predictions."""
    chosen = [prediction for prediction in theory.PREDICTIONS if not names or prediction.name in names]
    return {verdict.claim: verdict for verdict in judge_predictions(chosen, Evidence(path))}


class TestTheory(ProgramTest):
    @classmethod
    def setUpClass(cls):
        cls.files = {}

    def file(self, grid):
        """The results of a grid, swept once for all tests."""
        if grid not in self.files:
            done, results = self.call(grid, timeout=240)
            self.assertEqual(done.returncode, 0, done.stderr)
            kept = results.read_bytes()
            self.files[grid] = kept
        path = self.folder / "results.h5"
        path.write_bytes(self.files[grid])
        return path

    def judge(self, grid, expected):
        found = verdicts(self.file(grid))
        for name, verdict in found.items():
            self.assertEqual(verdict.verdict, expected.get(name, NOT_TESTED),
                             f"{name}: {verdict.reason} {verdict.first_violation} {verdict.rows}")

    def test_pairs(self):
        self.judge(PAIRS, {"signs stay": PASS, "sparse with repeats, shuffled": PASS, "walk: moves": PASS,
                           "walk: second moment": PASS, "walk: drift": PASS, "death of the loser": PASS,
                           "shuffled pair": PASS})

    def test_equal_starts(self):
        self.judge(ONES, {"signs stay": PASS, "sparse with repeats, shuffled": PASS, "equal starts": PASS})

    def test_mixed(self):
        self.judge(MIXED, {"signs stay": PASS, "cyclic keeps gcd(n, b)": PASS, "sparse with repeats, shuffled": PASS,
                           "norm while dense": PASS, "walk: moves": PASS, "walk: second moment": PASS,
                           "walk: drift": PASS, "rank of the winner": ESTIMATE, "shuffle remembers": ESTIMATE})

    def test_memory_of_the_order(self):
        """Shuffled epochs make the largest start win; fresh subsets hardly look at it."""
        found = verdicts(self.file(MIXED))
        for row in found["shuffle remembers"].rows:
            self.assertGreater(row.low, 0.6, row)
        for row in found["rank of the winner"].rows:
            self.assertTrue(0.15 < row.low and row.high < 0.4, row)

    def test_each_can_fail(self):
        def scale(name, factor, where=()):
            def change(file):
                values = file[name][...]
                values[where] = values[where] * factor
                file[name][...] = values
            return change

        wrong = [
            (MIXED, "signs stay", scale("alignment_init", -1.0)),
            (MIXED, "signs stay", scale("active", 2)),
            (MIXED, "signs stay", scale("norm_max", 1.1)),
            (MIXED, "cyclic keeps gcd(n, b)", scale("participation_ratio", 1.1)),
            (MIXED, "sparse with repeats, shuffled", scale("max_share", 0.9)),
            (MIXED, "norm while dense", scale("norm_record", 1.02)),
            (MIXED, "walk: second moment", scale("walk_sum2", 1.2)),
            (MIXED, "walk: moves", scale("walk_count", 2)),
            (PAIRS, "walk: drift", scale("walk_drift", -8.0)),
            (PAIRS, "death of the loser", scale("walk_sum", 1.5)),
            (PAIRS, "shuffled pair", scale("winner_rank", 2)),
            (ONES, "equal starts", lambda file: scale("selected", 0)(file)),
        ]
        for grid, name, change in wrong:
            with self.subTest(name=name):
                path = self.file(grid)
                with h5py.File(path, "r+") as file:
                    change(file)
                self.assertEqual(verdicts(path, name)[name].verdict, FAIL)

    def test_trap(self):
        """Random steps, any S_B, never leave the trap."""
        random = np.random.default_rng(1)
        for eps in (0.05, 0.2, 0.35, 0.5):
            bound = theory.norm2_bound(eps)
            self.assertTrue(1 < bound < 1.2 and eps * bound < 1)
            norm2 = random.uniform(0, bound, 200000)
            inside = norm2 * random.choice([0, 1, 0.5, -1], norm2.size)
            inside = np.where(inside < 0, norm2 * random.uniform(size=norm2.size), inside)
            e = eps * (2 - norm2)
            c = 1 - eps * inside
            after = c**2 * (norm2 - inside) + (c + e)**2 * inside
            self.assertLessEqual(after.max(), bound)
            self.assertGreater(after.max(), 1.0)


class TestTwoPoints(ProgramTest):
    def test_small_steps(self):
        """For eps -> 0 the winner's law is that of the angle, a martingale: at N = 1, up to O(eps)."""
        solved = TwoPoints(0.1, 1.0)
        for angle in (0.3, 0.7, 1.2):
            exact = solved.winner((np.sin(angle), np.cos(angle)))
            self.assertAlmostEqual(exact, angle / (np.pi / 2), delta=0.015)
        self.assertAlmostEqual(solved.winner((0.5, 0.5)), 0.5, delta=1e-6)

    def test_refinement(self):
        a = (0.09, 0.05)
        coarse, fine = TwoPoints(0.4, 0.01), TwoPoints(0.4, 0.01, 0.04)
        self.assertAlmostEqual(coarse.winner(a), fine.winner(a), delta=2e-3)
        self.assertAlmostEqual(coarse.mean_share(a, 20), fine.mean_share(a, 20), delta=2e-3)

    def test_program(self):
        """One start, many batch streams: who wins, and the mean of max_share on the way, within 5 standard errors and
        0.005 for the grid."""
        seeds, times = 4000, (8, 32, 128)
        for eps, start in ((0.2, 1), (0.4, 3), (0.45, 4)):
            with self.subTest(eps=eps):
                sweep = self.sweep(f"activation: linear\ndimension: 2\nbatch_size: 1\nstep_size: "
                                   f"{{scaled_by_batch: {eps}}}\nseed: {{first: 1, count: {seeds}}}\n"
                                   f"init: {{seed: {start}}}\nweights: record\n"
                                   f"record: {{steps: [0, 8, 32, 128], measures: max_share}}\n")
                a = sweep["weights"].isel(record=0).values.reshape(seeds, 2)[0]
                solved = TwoPoints(eps, float((a**2).sum()))
                won = (np.abs(sweep["selected"].values.ravel()) == 1).mean()
                chance = solved.winner(a)
                self.assertLess(abs(won - chance), 5 * np.sqrt(chance * (1 - chance) / seeds) + 0.005)
                for steps in times:
                    share = sweep["max_share_record"].sel(record=steps).values.ravel()
                    error = 5 * share.std() / np.sqrt(seeds) + 0.005
                    self.assertLess(abs(share.mean() - solved.mean_share(a, steps)), error, f"{steps} steps")


class TestKesten(unittest.TestCase):
    def test_tail_of_rounding_errors(self):
        """The plain trainer adds an error of order u to every coordinate in every step, which a dying coordinate then
        carries by its own factor m: delta' = m delta + O(u). Near the limit m is 1 - eps where the winner is in alone,
        1 + eps where the dying point is in alone, both equally likely, else 1: E m = 1 exactly, E ln m = -k < 0. So by
        Kesten's theorem delta is stationary with P(|delta| > x) ~ C u / x: tail index 1, no mean. (Hill's estimator.)
        The lane kernel moves coordinates by factors alone and has no such error."""
        random = np.random.default_rng(2)
        eps, chains = 0.3, 400000
        delta = np.zeros(chains)
        for _ in range(1500):
            m = np.where(random.random(chains) < 0.5, 1 - eps, 1 + eps)
            delta = m * delta + random.uniform(-1, 1, chains)
        tail = np.sort(np.abs(delta))[-2000:]
        index = 1 / np.mean(np.log(tail[1:] / tail[0]))
        self.assertAlmostEqual(index, 1.0, delta=0.12)
        self.assertGreater(tail[0], 100.0)


if __name__ == "__main__":
    unittest.main()
