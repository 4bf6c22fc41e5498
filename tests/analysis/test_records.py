"""What is recorded along a run, and that recording is only looking."""

import unittest
from decimal import Decimal, localcontext
from math import gcd

import numpy as np
from program import ProgramTest

SAMPLINGS = "sampling: [without_replacement, with_replacement, shuffle, cyclic]\n"
GRID = SAMPLINGS + """
activation: [linear, relu]
dimension: [7, 12]
samples: d - 1
batch_size: [1, 3, n-1, n, 10]
step_size: {scaled_by_batch: [0.1, 0.3, 0.9]}
seed: {first: 5, count: 3}
"""
MEASURES = (
    "loss excess_loss norm max_share selected participation_ratio support active alignment_init "
    "alignment_init_active hessian_trace hessian_max"
).split()
CONVERGED, MAX_STEPS, DIVERGED = 1, 2, 3


class Records(ProgramTest):
    def same(self, left, right, message):
        """Equal bit for bit, as far as a number shows its bits; NaN is equal to NaN."""
        np.testing.assert_array_equal(left, right, err_msg=message)

    def test_no_other_bit(self):
        plain = self.digest(GRID)
        for more in (
            "weights: final\n",
            "record: ladder\n",
            "record: {until: 37, measures: [norm]}\nweights: final\n",
            "record: {steps: [0, 1, 10, 100, 20000]}\nweights: record\n",
            "record: {steps: {linear: [0, 300], points: 301}, measures: none}\nweights: record\n",
        ):
            self.assertEqual(self.digest(GRID + more), plain, more)

    def test_a_recorded_step_is_the_end_of_a_shorter_run(self):
        steps = [1, 2, 8, 13, 100, 333]
        whole = self.sweep(GRID + f"record: {{steps: {steps}}}\nweights: record\n")
        self.assertGreater(len(np.unique(whole["status"].values)), 3)
        for step in steps:
            short = self.sweep(GRID + f"stop: {{max_steps: {step}}}\nweights: final\n")
            at = whole.sel(record=step)
            there = (short["status"] != 5).values
            for name in MEASURES:
                self.same(at[name + "_record"].values[there], short[name].values[there], f"{name} at {step}")
            self.same(at["weights"].values, short["weights"].values, f"weights at {step}")

    def test_the_start(self):
        sweep = self.sweep(GRID + "record: {steps: 0}\nweights: record\n").isel(record=0)
        fits = (sweep["status"] != 5).values
        self.same(sweep["participation_ratio_record"].isel(activation=0).values,
                  sweep["participation_ratio_init"].isel(activation=0).values, "linear: all points are active")
        self.same(sweep["active_record"].values, sweep["active_init"].values, "active")
        np.testing.assert_allclose(sweep["alignment_init_record"].values[fits], 1, rtol=1e-14)
        # The same start whatever the batch, the step size, the sampling and the activation.
        weights = sweep["weights"].where(sweep["status"] != 5)
        for axis in ("activation", "sampling", "batch", "step_value"):
            spread = weights.max(axis) - weights.min(axis)
            self.assertEqual(float(spread.max()), 0, axis)

    def test_the_end_is_carried_forward(self):
        record = "record: {steps: [0, 10, 1000, 1000000, 9007199254740992]}\n"
        sweep = self.sweep(GRID + record + "weights: record\n")
        final = self.sweep(GRID + "weights: final\n")["weights"]
        seen = 0
        for status in (CONVERGED, DIVERGED):
            for k, step in enumerate(sweep["record"].values):
                over = ((sweep["status"] == status) & (sweep["steps"] <= step)).values
                seen += over.sum()
                for name in MEASURES:
                    self.same(sweep[name + "_record"].values[..., k][over], sweep[name].values[over], name)
                self.same(sweep["weights"].values[..., k, :][over], final.values[over], "weights")
            self.assertGreater(over.sum(), 0)
        self.assertGreater(seen, 500)

    def test_ladder(self):
        sweep = self.sweep(GRID + "record: ladder\n")
        rungs = sweep["record"].values.tolist()
        self.assertEqual(rungs[:11], [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32])
        longest = int(sweep["max_steps"].max())
        self.assertLessEqual(rungs[-1], longest)
        self.assertGreater(rungs[-1] * 3, longest * 2 - 3)
        self.assertEqual({name for name in sweep if name.endswith("_record")}, {name + "_record" for name in MEASURES})
        self.assertNotIn("weights", sweep)


def replay(n, scale, eps, steps):
    """One pass after the other over orthonormal points, one at a time, from equal coordinates: in 60 digits, from the
    gradient (N - 2) a_i x_i + a_i^2 w of the loss of point i. Yields the coordinates after each step."""
    with localcontext() as context:
        context.prec = 60
        eps, a = Decimal(eps), [Decimal(scale) / Decimal(n).sqrt()] * n
        for t in range(steps):
            i = t % n
            norm2 = sum(x * x for x in a)
            ai = a[i]
            a = [x - eps * ai * ai * x for x in a]
            a[i] -= eps * (norm2 - 2) * ai
            yield a


class Replay(ProgramTest):
    def test_while_all_points_are_there(self):
        self.assertGreater(self.check(eps=0.05), 0.2)

    def test_until_one_point_is_left(self):
        """Through the unstable stretch, where the points part, to a winner 10^15 times larger than the rest."""
        self.assertLess(self.check(eps=0.15), 1e-12)

    def check(self, eps):
        """Compare the program with the recursion; returns the smallest coordinate at the end."""
        n, scale, steps = 10, 0.5, [0, 1, 2, 9, 10, 11, 100, 1000, 2001, 5000, 8000, 9000, 10001, 12345, 20000]
        sweep = self.sweep(f"""
activation: [linear, relu]
sampling: cyclic
dimension: {n}
batch_size: 1
step_size: {eps}
seed: 1
init: {{distribution: ones, scale: {scale}}}
stop: {{max_steps: 20000, tol: 0}}
record: {{steps: {steps}, measures: [norm, max_share, selected]}}
weights: record
""").squeeze(["sampling", "dimension", "batch", "step_value", "seed"])
        self.assertTrue((sweep["status"] == MAX_STEPS).all())
        self.assertTrue((sweep["steps"] == 20000).all())
        self.same_within(sweep, 0, [Decimal(scale) / Decimal(n).sqrt()] * n)
        for t, a in enumerate(replay(n, scale, eps, steps[-1]), 1):
            if t in steps:
                self.same_within(sweep, t, a)
        return float(min(a))

    def same_within(self, sweep, step, a):
        at = sweep.sel(record=step)
        expected = np.array([float(x) for x in a])
        self.assertTrue((expected > 0).all())
        norm2 = sum(x * x for x in a)
        for activation in ("linear", "relu"):
            run = at.sel(activation=activation)
            # Every coordinate to 1e-11 of itself, the vanishing ones included.
            np.testing.assert_allclose(run["weights"].values, expected, rtol=1e-11, atol=0, err_msg=f"step {step}")
            self.assertAlmostEqual(float(run["norm_record"]), float(norm2.sqrt()), delta=1e-11)
            self.assertAlmostEqual(float(run["max_share_record"]), float(max(a) ** 2 / norm2), delta=1e-11)
            # Equal coordinates are told apart by rounding alone.
            if max(a) - sorted(a)[-2] > Decimal("1e-9"):
                self.assertEqual(int(run["selected_record"]), 1 + a.index(max(a)))


class Limits(ProgramTest):
    """Where the samplings end: with replacement the full batch goes sparse too; cyclic keeps gcd(n, b) points."""

    def test_with_replacement_full_batch_is_sparse(self):
        sweep = self.sweep("sampling: [with_replacement, without_replacement, shuffle, cyclic]\ndimension: [8, 16]\n"
                           "batch_size: n\nstep_size: {scaled_by_batch: 0.05}\nseed: {first: 1, count: 8}\n")
        self.assertTrue((sweep["status"] == CONVERGED).all())
        share = sweep["max_share"]
        self.assertGreaterEqual(float(share.sel(sampling="with_replacement").min()), 1 - 1e-11)
        for sampling in ("without_replacement", "shuffle", "cyclic"):
            np.testing.assert_allclose(sweep["alignment_init_active"].sel(sampling=sampling), 1, rtol=1e-11)
            self.assertLess(float(share.sel(sampling=sampling, activation="linear").max()), 0.9)

    def test_cyclic_keeps_as_many_points_as_n_and_b_share(self):
        n, sizes = 12, [1, 2, 3, 4, 5, 6, 8, 9, 10]
        sweep = self.sweep(f"activation: linear\nsampling: cyclic\ndimension: {n}\nbatch_size: {sizes}\n"
                           "step_size: {scaled_by_batch: 0.1}\nseed: {first: 1, count: 6}\nweights: final\n")
        self.assertTrue((sweep["status"] == CONVERGED).all(), sweep["status"].values)
        left = (abs(sweep["weights"]) > 1e-5).sum("feature").squeeze(["activation", "sampling", "dimension"])
        for b in sizes:
            kept = left.sel(batch=str(b)).values.ravel().tolist()
            self.assertEqual(set(kept), {gcd(n, b)}, f"b = {b}: {kept}")


if __name__ == "__main__":
    unittest.main()
