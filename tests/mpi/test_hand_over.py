"""Runs that change hands at the end of a sweep: the same bytes, nothing done twice, nothing lost, whatever comes
between.

    SGDSWEEP=build/sgdsweep python3 test_hand_over.py [HandOverTest.test_...]

The expectation is always the undisturbed sweep on one rank, where nothing changes hands: its bytes, and the number of
steps that it trained. `--hand-over always` hands over whatever a waiting rank could have, whether it gains or not.
"""
import json
import math
import random
import signal
import unittest

from sweep_scene import SEED, LongScene

RECORDS = "record: {until: 10000000, measures: [max_share, selected, norm]}\nweights: record\nwalk: {bins: 8}\n"
# Long runs, and as many of some hundred steps. By SPEED the long ones are the short ones: they go last, in one block.
SEEDS = 12
GRID = """
activation: relu
dimension: 64
batch_size: [n-1, n]
step_size: {scaled_by_batch: %g}
seed: {first: 1, count: %d}
"""
SPEED = {"sampling": "without_replacement", "steps": [{"n": 64, "b": 63, "ns": 1e-6}, {"n": 64, "b": 64, "ns": 1000}]}
# Runs of some milliseconds, 24 of the 96 seeds needed.
UNTIL = """
activation: [linear, relu]
dimension: [40, 48]
batch_size: [1, n-1]
step_size: {scaled_by_batch: [0.03, 0.06]}
seed: {until: {measure: sparse, half_width: 0.1, looks: [12, 24, 48, 96]}}
"""


class HandOverTest(LongScene):
    def setUp(self):
        super().setUp()
        with open(self.path("speed.json"), "w", encoding="utf-8") as file:
            json.dump(SPEED, file)
        self.always = ("--hand-over", "always", "--speed", self.path("speed.json"))

    def last_is_long(self, seconds, more=""):
        """A grid that takes so long on one rank of this machine now, by `plan`."""
        eps = 0.01
        plan = self.program(0, "plan", self.grid(GRID % (eps, SEEDS), "measured.yaml"), "--ranks", "1", "--json").stdout
        eps *= math.sqrt(json.loads(plan)["makespan_seconds"] / seconds)  # time goes like 1 / eps^2
        return self.grid(GRID % (eps, SEEDS) + more)

    def handed_over(self, file):
        return self.events(file, "handed_over")

    def whole(self, grid):
        """Digest and steps without disturbance."""
        digest = self.sweep(grid, "whole.h5")
        self.assertEqual(self.handed_over("whole.h5"), [])
        return digest, self.steps("whole.h5")

    def assert_whole(self, file, expected):
        digest, steps = expected
        self.assertEqual(self.status(file)["results_digest"], digest)
        self.assertEqual(self.steps(file), steps)
        self.assert_same_file(file, "whole.h5")
        self.assertEqual(self.states(file), [])

    def test_same_bytes(self):
        grid = self.last_is_long(0.4, RECORDS)
        expected = self.whole(grid)
        for ranks, master in ((2, "shared"), (3, "shared"), (3, "dedicated"), (5, "dedicated")):
            file = f"{ranks}-{master}.h5"
            self.sweep(grid, file, ranks, options=(*self.always, "--master", master))
            moved = self.handed_over(file)
            self.assertGreater(len(moved), 0)
            self.assertLess(sum(event["count"] for event in moved), SEEDS * SEEDS)  # whoever gives keeps some
            for event in moved:
                self.assertNotEqual(event["from"], event["to"])
            self.assert_whole(file, expected)
        self.sweep(grid, "never.h5", 3, options=("--hand-over", "never"))
        self.assertEqual(self.handed_over("never.h5"), [])
        self.assert_whole("never.h5", expected)

    def test_precision(self):
        """Looks of a rule on the seeds are complete in whatever rank their runs end."""
        grid = self.grid(UNTIL)
        self.sweep(grid, "whole.h5")
        for ranks, master in ((2, "shared"), (4, "shared"), (3, "dedicated")):
            self.sweep(grid, f"{ranks}.h5", ranks, options=(*self.always, "--master", master))
            self.assert_same_file(f"{ranks}.h5", "whole.h5")

    def test_many_lives(self):
        """Stopped again and again, wherever runs are: not one step is lost or done twice."""
        print(f"SGDSWEEP_TEST_SEED={SEED}")
        chance = random.Random(SEED)
        grid = self.last_is_long(0.6, RECORDS)
        expected = self.whole(grid)
        moved, lives = 0, 0
        while True:
            done = self.finish(self.start(2 + lives % 3, "run", grid, "-o", self.path("a.h5"), *self.always,
                                          "--max-seconds", str(chance.uniform(0.1, 0.35) * 1.05**lives)))
            lives += 1
            if done.returncode == 0:
                break
            self.assertEqual(done.returncode, 75, done.stderr)
            self.assertLess(lives, 100)
            self.assertLessEqual(len(self.states("a.h5")), 2 + (lives - 1) % 3)
        moved = len(self.handed_over("a.h5"))
        self.assertGreater(lives, 1, "too fast to mean anything")
        self.assertGreater(moved, 0)
        self.assert_whole("a.h5", expected)
        print(f"{lives} lives, runs changed hands {moved} times")

    def test_stopped(self):
        """A signal as soon as something has changed hands, while more is about to."""
        grid = self.last_is_long(2)
        expected = self.whole(grid)
        for ranks in (2, 3):
            file = f"{ranks}.h5"
            process = self.start(ranks, "run", grid, "-o", self.path(file), *self.always)
            self.wait_for(process, file, "handed_over")
            process.send_signal(signal.SIGUSR1)
            done = self.finish(process)
            self.assertEqual(done.returncode, 75, done.stderr)
            (stop,) = self.events(file, "stop")
            self.assertGreater(stop["saved_runs"], 0)
            self.assertEqual(stop["unsaved_runs"], 0)
            self.sweep(grid, file, 5 - ranks, options=self.always)
            self.assert_whole(file, expected)

    def test_killed(self):
        """What was saved by the giver or the taker goes on, the rest starts over."""
        grid = self.last_is_long(2, RECORDS)
        expected = self.whole(grid)
        for ranks in (2, 3):
            file = f"{ranks}.h5"
            process = self.start(ranks, "run", grid, "-o", self.path(file), *self.always, "--checkpoint", "0.1")
            self.wait_for(process, file, "handed_over")
            self.wait_for(process, file, "checkpoint")
            self.kill_all(process)
            self.assertGreater(len(self.states(file)), 0)
            self.sweep(grid, file, 2, options=self.always)
            self.assertGreater(len(self.events(file, "state_restored")), 0)
            self.assertEqual(self.status(file)["results_digest"], expected[0])
            self.assert_same_file(file, "whole.h5")
            self.assertEqual(self.states(file), [])

    def test_options(self):
        done = self.program(0, "run", self.long(), "-o", self.path("a.h5"), "--hand-over", "often", code=2)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn("'often' is not known; accepted: auto, never, always", done.stderr)


if __name__ == "__main__":
    unittest.main()
