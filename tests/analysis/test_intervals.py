"""Intervals over seeds: right by hand, and of the stated coverage."""

import os
import unittest

import numpy as np

from analysis.intervals import bootstrap_interval, seed_means


class Intervals(unittest.TestCase):
    def test_runs_of_a_seed_are_averaged_first(self):
        values = np.array([[[1.0, 5.0, np.nan]], [[3.0, np.nan, np.nan]]])
        np.testing.assert_array_equal(seed_means(values), [2.0, 5.0, np.nan])

    def test_degenerate_inputs(self):
        self.assertTrue(np.isnan(bootstrap_interval([np.nan, np.nan])).all())
        mean, low, high = bootstrap_interval([np.nan, 3.0])
        self.assertEqual(mean, 3.0)
        self.assertTrue(np.isnan(low) and np.isnan(high), "one seed tells nothing of spread")
        self.assertEqual(bootstrap_interval([2.0, 2.0, 2.0]), (2.0, 2.0, 2.0))

    def test_is_the_same_every_time(self):
        values = np.linspace(0, 1, 17) ** 2
        self.assertEqual(bootstrap_interval(values), bootstrap_interval(values))

    def test_coverage(self):
        """95 % intervals for the mean of 64 seeds hold it in about 95 of 100 cases; runs of a seed share a start."""
        seed = int(os.environ.get("SGDSWEEP_TEST_SEED", "1"))
        print(f"SGDSWEEP_TEST_SEED={seed}")
        generator = np.random.default_rng(seed)
        trials, held = 400, 0
        for _ in range(trials):
            values = generator.normal(size=64) + 0.1 * generator.normal(size=(10, 64))
            _, low, high = bootstrap_interval(seed_means(values), draws=400)
            held += low <= 0.0 <= high
        # Percentile intervals of 64 hold about 94 %; four standard deviations of a binomial around that.
        self.assertGreater(held / trials, 0.89)
        self.assertLess(held / trials, 0.99)


if __name__ == "__main__":
    unittest.main()
