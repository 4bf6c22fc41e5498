"""Estimates, intervals and equivalence tests: against closed forms, and their error rates by simulation."""

import os
import unittest

import numpy as np
from analysis.rows import clopper_pearson, contrast_row, mean_row, median_row, proportion_row
from scipy import stats

SEED = int(os.environ.get("SGDSWEEP_TEST_SEED", "20261123"))
SIMULATIONS = 2000
# What a rate of 0.01 exceeds in 2000 simulations once in a million.
MOST = int(stats.binom.isf(1e-6, SIMULATIONS, 0.01))


class ErrorRates(unittest.TestCase):
    """At the very edge of the margin, agreement is shown at most once in a hundred, and so is disagreement."""

    def setUp(self):
        print(f"SGDSWEEP_TEST_SEED={SEED}")
        self.generator = np.random.default_rng(SEED)

    def check(self, rows):
        self.assertEqual(len(rows), SIMULATIONS)
        self.assertLessEqual(sum(row.p_equivalent < 0.01 for row in rows), MOST)
        self.assertLessEqual(sum(row.p_different < 0.01 for row in rows), MOST)

    def test_means(self):
        for truth in (2.5, 1.5):
            drawn = self.generator.normal(truth, 1.3, size=(SIMULATIONS, 40))
            self.check([mean_row({}, values, 2.0, 0.5) for values in drawn])

    def test_proportions(self):
        for truth in (0.85, 0.65):
            drawn = self.generator.binomial(60, truth, size=SIMULATIONS)
            self.check([proportion_row({}, hits, 60, 0.75, 0.1) for hits in drawn])

    def test_medians(self):
        for truth in (11.0, 9.0):
            drawn = self.generator.exponential(truth / np.log(2), size=(SIMULATIONS, 51))
            self.check([median_row({}, values, 10.0, 1.0) for values in drawn])

    def test_power(self):
        """What agrees is shown to agree, what does not is shown not to."""
        normal = self.generator.normal(2.0, 1.0, size=4000)
        hits = self.generator.binomial(4000, 0.75)
        times = self.generator.exponential(10.0 / np.log(2), size=4000)
        for row in (mean_row({}, normal, 2.0, 0.2), proportion_row({}, hits, 4000, 0.75, 0.06),
                    median_row({}, times, 10.0, 1.5)):
            self.assertLess(row.p_equivalent, 1e-3)
            self.assertGreater(row.p_different, 0.5)
            self.assertTrue(row.low < row.predicted < row.high)
        for row in (mean_row({}, normal, 2.5, 0.2), proportion_row({}, hits, 4000, 0.65, 0.03),
                    median_row({}, times, 14.0, 1.5)):
            self.assertLess(row.p_different, 1e-3)
            self.assertGreater(row.p_equivalent, 0.5)

    def test_median_interval_covers(self):
        drawn = self.generator.exponential(1.0, size=(SIMULATIONS, 24))
        rows = [median_row({}, values) for values in drawn]
        missed = sum(not row.low <= np.log(2) <= row.high for row in rows)
        self.assertLessEqual(missed, MOST)
        self.assertTrue(all(np.isfinite([row.low, row.high]).all() for row in rows))


class Values(unittest.TestCase):
    def test_clopper_pearson(self):
        self.assertEqual(clopper_pearson(0, 10)[0], 0.0)
        self.assertAlmostEqual(clopper_pearson(0, 10)[1], 1 - 0.005**0.1, places=12)
        self.assertAlmostEqual(clopper_pearson(10, 10)[0], 0.005**0.1, places=12)
        low, high = clopper_pearson(7, 20)  # by definition: tails of 0.005 at the bounds
        self.assertAlmostEqual(stats.binom.sf(6, 20, low), 0.005, places=10)
        self.assertAlmostEqual(stats.binom.cdf(7, 20, high), 0.005, places=10)

    def test_proportions_at_the_ends(self):
        row = proportion_row({}, 50, 50, 1.0, 0.2)
        self.assertAlmostEqual(row.p_equivalent, 0.8**50, places=12)
        self.assertEqual(row.p_different, 1.0)
        row = proportion_row({}, 25, 50, 0.0, 0.1)
        self.assertLess(row.p_different, 1e-10)
        self.assertEqual(proportion_row({}, 0, 0, 0.5, 0.1).p_equivalent, 1.0)

    def test_mean_is_students(self):
        values = np.arange(20.0)
        row = mean_row({}, values, 9.0, 3.0)
        self.assertAlmostEqual(row.p_equivalent, stats.ttest_1samp(values, 12.0, alternative="less").pvalue, places=12)
        low, high = stats.t.interval(0.99, 19, 9.5, stats.sem(values))
        self.assertAlmostEqual(row.low, low, places=12)
        self.assertAlmostEqual(row.high, high, places=12)
        self.assertLess(mean_row({}, np.full(20, 3.0), 3.0, 0.1).p_equivalent, 1e-200)
        self.assertLess(mean_row({}, np.full(20, 3.2), 3.0, 0.1).p_different, 1e-200)

    def test_contrast_is_paired(self):
        seeds = np.random.default_rng(3).normal(0, 100, size=50)
        row = contrast_row({}, seeds + 1.0, seeds, 1.0, 1e-6)
        self.assertAlmostEqual(row.estimate, 1.0, places=9)
        self.assertLess(row.p_equivalent, 1e-6)

    def test_medians_of_censored_times(self):
        never = np.inf
        row = median_row({}, [3.0, never, 1.0, 2.0, never])
        self.assertEqual((row.estimate, row.note), (3.0, "2 of 5 never"))
        self.assertEqual(median_row({}, [1.0, never, never]).estimate, never)
        self.assertEqual(median_row({}, [1.0, 2.0, never, never]).estimate, never)
        self.assertEqual((row.low, row.high), (-never, never))  # five seeds bound no 99 % interval
        times = np.arange(1.0, 21.0)
        row = median_row({}, times)
        # P(Bin(20, 1/2) <= 3) = 0.0013 <= 0.005 < P(<= 4): the 4th from either end.
        self.assertEqual((row.low, row.high), (4.0, 17.0))
        self.assertLess(median_row({}, np.r_[times, np.full(60, never)], 10.0, 5.0).p_different, 1e-6)
        with self.assertRaises(ValueError):
            median_row({}, [1.0, np.nan])

    def test_few_seeds_decide_nothing(self):
        row = mean_row({}, np.r_[np.full(15, 2.0), np.nan], 2.0, 1.0)
        self.assertEqual((row.p_equivalent, row.p_different), (1.0, 1.0))
        self.assertIn("1 of 16 seeds without a value; fewer than 16 seeds", row.note)


if __name__ == "__main__":
    unittest.main()
