"""The edges of what a grid can ask for: the right answer or a clear refusal, no overflow, no hang."""

import unittest

import numpy as np
from program import ProgramTest

SAMPLINGS = "sampling: [without_replacement, with_replacement, shuffle, cyclic]\n"
CONVERGED, MAX_STEPS, DIVERGED, DEAD = 1, 2, 3, 4


class Edges(ProgramTest):
    def test_one_point(self):
        """n = 1, so b = n = 1: every sampling does the same, and relu works only on the right side of 0."""
        sweep = self.sweep(SAMPLINGS + "dimension: [1, 5]\nsamples: 1\nbatch_size: [1, n, full]\nstep_size: 0.1\n"
                           "seed: {first: 1, count: 10}\nrecord: {steps: 0}\nweights: record\n")
        start = sweep["weights"].squeeze(["record", "feature"])
        inactive = (start < 0) & (sweep["activation"] == "relu")
        self.assertGreater(int(inactive.sum()), 0)
        np.testing.assert_array_equal(sweep["status"].values, np.where(inactive, DEAD, CONVERGED))
        alive = sweep.where(~inactive)
        np.testing.assert_allclose(alive["max_share"].values[~inactive.values], 1, rtol=1e-11)
        self.assertLess(float(alive["excess_loss"].max()), 1e-11)
        np.testing.assert_array_equal(alive["selected"].values[~inactive.values],
                                      np.sign(start.values)[~inactive.values])
        np.testing.assert_array_equal(alive["winner_rank"].values[~inactive.values], 1)
        for name in ("norm", "steps", "hessian_trace", "alignment_init"):
            for axis in ("sampling", "batch"):
                spread = sweep[name].max(axis) - sweep[name].min(axis)
                self.assertLess(float(spread.max()), 1e-12, f"{name} over {axis}")

    def test_no_active_coordinate(self):
        sweep = self.sweep(SAMPLINGS + "activation: relu\ndimension: 2\nbatch_size: [1, n]\nstep_size: 0.1\n"
                           "seed: {first: 1, count: 40}\nrecord: {steps: [0, 50]}\nweights: record\n")
        none = (sweep["weights"] < 0).all("feature").isel(record=0)
        self.assertGreater(int(none.sum()), 40)
        np.testing.assert_array_equal((sweep["status"] == DEAD).values, none.values)
        dead = sweep.where(none)
        self.assertEqual(float(dead["steps"].max()), 0)
        self.assertEqual(float(dead["active_init"].max()), 0)
        self.assertEqual(int(dead["alignment_init_active"].notnull().sum()), 0)
        self.assertEqual(float(dead["hessian_trace"].max()), 0)
        # Where it started it stays, in the record too.
        moved = abs(dead["weights"].diff("record"))
        self.assertEqual(float(moved.max()), 0)
        np.testing.assert_allclose(dead["loss"].values[none.values], 0.5, rtol=1e-15)

    def test_huge_dimension(self):
        d, n = 10**9, 10
        sweep = self.sweep(SAMPLINGS + f"dimension: {d}\nsamples: {n}\nbatch_size: [1, n-1, n]\n"
                           "step_size: {scaled_by_batch: 0.1}\nseed: {first: 1, count: 8}\n")
        converged = sweep["status"] == CONVERGED
        started = sweep["active_init"] > 0
        self.assertTrue(bool((converged | ~started).all()), sweep["status"].values)
        for sampling in ("without_replacement", "with_replacement"):
            at = sweep.sel(activation="relu", sampling=sampling).where(converged)
            limit = at["hessian_trace_limit"].sel(batch="1")
            np.testing.assert_allclose(limit.values[limit.notnull().values], (4 + d - 1) / n, rtol=1e-15)
        # The start is all but orthogonal to the data: its norm 0.1 is nearly all outside, where all of it vanishes.
        self.assertLess(float(sweep["alignment_init"].where(converged).max()), 1e-3)
        self.assertLess(float(abs(sweep["norm"].where(converged) - 1).max()), 1e-5)

    def test_divergence_in_one_step(self):
        sweep = self.sweep(SAMPLINGS + "activation: linear\ndimension: [4, 30]\nbatch_size: [1, n-1, n]\n"
                           "step_size: {scaled_by_batch: [1e10, 1e160, 1e290]}\nseed: {first: 1, count: 4}\n"
                           "init: {scale: 1}\nrecord: {steps: [0, 1, 2]}\nweights: record\n")
        self.assertTrue((sweep["status"] == DIVERGED).all(), sweep["status"].values)
        self.assertTrue((sweep["steps"] == 1).all())
        for name in ("loss", "norm", "max_share", "hessian_trace_limit"):
            self.assertTrue(bool(sweep[name].isnull().all()), name)
        self.assertTrue(bool(sweep["norm_record"].sel(record=0).notnull().all()))
        self.assertTrue(bool(sweep["norm_record"].sel(record=[1, 2]).isnull().all()))
        self.assertTrue(bool(sweep["weights"].sel(record=[1, 2]).isnull().all()))

    def test_nothing_moves(self):
        grid = SAMPLINGS + ("dimension: 8\nbatch_size: [1, n]\nstep_size: {scaled_by_batch: [1e-290, 1e-20]}\n"
                            "seed: {first: 1, count: 4}\n")
        sweep = self.sweep(grid + "stop: {max_steps: 5000}\nrecord: {steps: [0, 5000]}\nweights: record\n")
        alive = sweep["active_init"] > 0
        self.assertTrue(bool(((sweep["status"] == MAX_STEPS) | ~alive).all()))
        moved = abs(sweep["weights"].diff("record")) / abs(sweep["weights"].isel(record=0))
        self.assertLess(float(moved.max()), 1e-13)
        np.testing.assert_array_equal(sweep["norm_min"].values, sweep["norm_max"].values)
        # Without a limit it would take for ever, and is refused rather than started.
        self.assertIn("core-hours, and this is no batch job: add --yes", self.refused(grid))

    def test_oscillating_and_slow(self):
        """eps between 0.5 and 0.8 never settles; norm_min and norm_max tell it from a run that is only slow.

        The norm is looked at on even steps and at the end. Here it takes every other value on odd steps, so the end is
        on one."""
        common = ("activation: linear\ndimension: 8\nbatch_size: n\nseed: {first: 1, count: 5}\n"
                  "stop: {max_steps: 20001}\n")
        wild = self.sweep(common + "step_size: {scaled_by_batch: [0.52, 0.55, 0.6, 0.65, 0.7]}\n")
        self.assertFalse(bool((wild["status"] == CONVERGED).any()))
        going = wild.where(wild["status"] == MAX_STEPS)
        self.assertGreater(int((wild["status"] == MAX_STEPS).sum()), 10)
        self.assertGreater(float((going["norm_max"] / going["norm_min"]).min()), 1.05)
        slow = self.sweep(common + "step_size: {scaled_by_batch: [1e-7, 1e-6]}\n")
        self.assertTrue((slow["status"] == MAX_STEPS).all())
        self.assertLess(float((slow["norm_max"] / slow["norm_min"]).max()), 1.01)
        tame = self.sweep(common + "step_size: {scaled_by_batch: [0.1, 0.45]}\n")
        self.assertTrue((tame["status"] == CONVERGED).all())

    def test_tiny_scale(self):
        grid = "dimension: 8\nbatch_size: 1\nstep_size: 0.1\nseed: 1\ninit: {scale: 1e-300}\n"
        line = self.refused(grid)
        self.assertIn('.yaml:5:15: init: scale: "1e-300" is out of range; accepted: a decimal number, 1e-50 to 1e+06',
                      line)
        smallest = self.sweep(SAMPLINGS + grid.replace("1e-300", "1e-50").replace("seed: 1", "seed: [1, 2, 3]"))
        alive = smallest["active_init"] > 0
        self.assertTrue(bool(((smallest["status"] == CONVERGED) | ~alive).all()), smallest["status"].values)

    def test_first_and_last_seed(self):
        last = 2**53 - 1
        grid = SAMPLINGS + "dimension: 8\nbatch_size: [1, n]\nstep_size: 0.1\n"
        both = self.sweep(grid + f"seed: [0, {last}]\nrecord: {{steps: 0}}\nweights: record\n")
        self.assertEqual(both["seed"].values.tolist(), [0, last])
        starts = both["weights"].isel(activation=0, sampling=0, batch=0).squeeze().values
        self.assertEqual(len(set(starts.ravel().tolist())), 16)
        alone = self.sweep(grid + f"seed: {{first: {last}, count: 1}}\n")
        for name in ("loss", "steps", "alignment_init"):
            np.testing.assert_array_equal(alone[name].values, both[name].sel(seed=[last]).values)
        self.assertIn("out of range; accepted: 0 to 9007199254740991", self.refused(grid + f"seed: {last + 1}\n"))
        self.assertIn(f"accepted: seeds up to {last}", self.refused(grid + f"seed: {{first: {last}, count: 2}}\n"))


if __name__ == "__main__":
    unittest.main()
