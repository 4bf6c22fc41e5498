"""open_sweep masks by status, names what is wrong with a file, and the batch axis is read right."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

import synthetic
from analysis.sweep import SweepError, count_status, distinct_batches, open_sweep


class OpenSweep(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name) / "sweep.h5"

    def open(self, status, keep=("converged",), **shape):
        synthetic.write_sweep(self.path, synthetic.paper, status, **shape)
        sweep = open_sweep(self.path, keep)
        self.addCleanup(sweep.close)
        return sweep

    def test_values_of_runs_that_did_not_converge_are_masked(self):
        sweep = self.open(lambda activation, d, b, eps, seed: 1 if seed % 2 else 2)
        self.assertTrue(np.isfinite(sweep["max_share"].isel(seed=0)).all())
        self.assertTrue(np.isnan(sweep["max_share"].isel(seed=1)).all())
        self.assertEqual(int(count_status(sweep, "max_steps").sum()), sweep["status"].size // 2)

    def test_partial_bytes_of_pending_runs_are_never_seen(self):
        sweep = self.open(lambda *point: 0)
        for measure in synthetic.REAL:
            self.assertFalse(np.isfinite(sweep[measure]).any(), measure)

    def test_other_statuses_are_kept_on_request(self):
        sweep = self.open(lambda activation, d, b, eps, seed: 1 + seed % 4, keep=("diverged", "dead"))
        kept = np.isfinite(sweep["max_share"].isel(seed=[0, 1, 2, 3])).all(sweep["max_share"].dims[:-1])
        self.assertEqual(kept.values.tolist(), [False, True, True, False])

    def test_large_variables_come_on_request_and_masked(self):
        self.assertNotIn("weights", self.open(lambda *point: 1))
        with open_sweep(self.path, keep=("dead",), also=("weights",)) as sweep:
            self.assertEqual(sweep["weights"].sizes["feature"], 256)
            self.assertFalse(np.isfinite(sweep["weights"]).any())
        with self.assertRaisesRegex(SweepError, "no variable record"):
            open_sweep(self.path, also=("record",))

    def test_selects_by_name(self):
        sweep = self.open(lambda *point: 1)
        cell = sweep.sel(batch="n-1", activation="relu", dimension=64)
        self.assertEqual(int(cell["batch_size"]), 63)
        self.assertTrue(np.allclose(cell["hessian_trace_limit"], 67 / 64))

    def test_batches_that_meet_count_once_and_those_that_do_not_fit_not_at_all(self):
        sweep = self.open(lambda *point: 1, dimensions=(4, 16), batches=("8", "n/2", "2", "n", "1"))
        self.assertEqual(distinct_batches(sweep, 0), [(4, 1), (1, 2), (3, 4)])
        self.assertEqual(distinct_batches(sweep, 1), [(4, 1), (2, 2), (0, 8), (3, 16)])

    def test_says_what_is_wrong(self):
        with self.assertRaisesRegex(SweepError, "no such file"):
            open_sweep(self.path)
        self.path.write_bytes(b"not HDF5")
        with self.assertRaisesRegex(SweepError, "not a results file"):
            open_sweep(self.path)
        with self.assertRaisesRegex(ValueError, "no such status: done"):
            open_sweep(self.path, keep=("done",))


if __name__ == "__main__":
    unittest.main()
