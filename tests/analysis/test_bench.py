"""`sgdsweep bench` says what it measured, and the peers of tests/bench are right. How fast anything is, is no test."""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

PROGRAM = os.environ["SGDSWEEP"]
PEERS = Path(__file__).resolve().parents[1] / "bench" / "peers.py"


def bench(*options, isa=None):
    environment = dict(os.environ, **({"SGDSWEEP_ISA": isa} if isa else {}))
    return subprocess.run([PROGRAM, "bench", "--seconds", "0.2", "--repeats", "3", *options], env=environment,
                          capture_output=True, text=True, timeout=120)


class Bench(unittest.TestCase):
    def answer(self, *options, **how):
        done = bench("--json", *options, **how)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def test_every_pair_that_fits_is_a_row(self):
        rows = self.answer("--n", "4,64", "--b", "1,n/2,5,n-1,n")["steps"]
        self.assertEqual([(row["n"], row["b"], row["members"]) for row in rows],
                         [(4, 1, 1), (4, 2, 2), (4, 3, 1), (4, 4, 0),
                          (64, 1, 1), (64, 32, 32), (64, 5, 5), (64, 63, 1), (64, 64, 0)])

    def test_numbers_are_consistent(self):
        answer = self.answer("--n", "64", "--b", "1,8,32,n")
        for row in answer["steps"] + answer["runs"]:
            self.assertEqual(len(row["ns_ascending"]), 3)
            self.assertEqual(row["ns_ascending"], sorted(row["ns_ascending"]))
            self.assertEqual([row["ns_low"], row["ns"], row["ns_high"]], row["ns_ascending"])
            self.assertGreater(row["ns_low"], 0)
        for row in answer["steps"]:
            if row["members"]:
                self.assertAlmostEqual(row["ns_member"] * row["members"] / row["ns"], 1, places=4)
            else:
                self.assertIsNone(row["ns_member"])

    def test_more_work_takes_longer(self):
        answer = self.answer("--n", "1000", "--b", "1,n/2")
        one, half = answer["steps"]
        self.assertGreater(half["ns"], 10 * one["ns"])  # 500 times the members
        cost = {row["n"]: row["ns"] for row in answer["runs"]}
        self.assertGreater(cost[10000], 30 * cost[10])  # 1000 times the points

    def test_the_fit_is_near_what_was_measured(self):
        answer = self.answer("--n", "100", "--b", "1,10,50,n-1,n")
        fitted = answer["fitted"]
        for name in ("step_s", "member_s", "run_s", "point_s"):
            self.assertGreaterEqual(fitted[name], 0, name)
            self.assertLess(fitted[name], 1e-3, name)
        worst = 1
        for row in answer["steps"]:
            ratio = 1e9 * (fitted["step_s"] + fitted["member_s"] * row["members"]) / row["ns"]
            worst = max(worst, ratio, 1 / ratio)
        self.assertAlmostEqual(worst / fitted["worst_step"], 1, places=3)

    def test_one_column_has_no_fit(self):
        self.assertIsNone(self.answer("--n", "10", "--b", "n")["fitted"])

    def test_an_instruction_set_can_be_forced(self):
        base = self.answer("--n", "10", "--b", "1")["isa"]
        self.assertEqual(self.answer("--n", "10", "--b", "1", isa=base)["isa"], base)
        done = bench("--n", "10", "--b", "1", isa="abacus")
        self.assertEqual(done.returncode, 2)
        self.assertIn("abacus", done.stderr)

    def test_text_has_a_line_for_every_row(self):
        done = bench("--n", "10,20", "--b", "1,n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = [line.split() for line in done.stdout.splitlines()]
        self.assertEqual([line[:2] for line in lines if len(line) == 7 and line[4] == ".." and line[0].isdigit()],
                         [["10", "1"], ["10", "10"], ["20", "1"], ["20", "20"]])

    def test_bad_command_lines(self):
        for options, named in ((("--n", "ten"), "ten"), (("--n", "10", "--b", "11"), "11"),
                               (("--repeats", "0"), "'0'"), (("--seconds", "long"), "long"),
                               (("--activation", "tanh"), "tanh"), (("grid.yaml",), "grid.yaml"),
                               (("--n",), "--n"), (("--fast",), "--fast")):
            with self.subTest(options):
                done = bench(*options)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(named, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)


class Peers(unittest.TestCase):
    def test_the_authors_way_is_right(self):
        done = subprocess.run([sys.executable, PEERS, "--check", "--peers", "numpy_loop"], capture_output=True,
                              text=True, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, "numpy_loop: right\n"))

    def test_a_wrong_peer_is_found(self):
        sys.path.insert(0, str(PEERS.parent))
        self.addCleanup(sys.path.remove, str(PEERS.parent))
        import check
        import numpy_loop

        class Slow(numpy_loop.Peer):  # a step size that is a millionth off
            def __init__(self, n, b, eps, start, seed):
                super().__init__(n, b, eps * (1 + 1e-6), start, seed)

        class Repeating(numpy_loop.Peer):  # every batch is the first points
            def advance(self, steps):
                self.rng = type("First", (), {"choice": staticmethod(lambda n, b, replace: list(range(b)))})
                self.drawn = []
                super().advance(steps)
                self.drawn = numpy_loop.np.arange(self.b)

        for wrong in (Slow, Repeating):
            with self.subTest(wrong.__name__), self.assertRaises(check.Wrong):
                check.check(type("Peer", (), {"Peer": wrong}))


if __name__ == "__main__":
    unittest.main()
