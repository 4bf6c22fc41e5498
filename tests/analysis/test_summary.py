"""The summary table: means worked out by hand, nothing left out in silence."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path

import synthetic
from analysis.__main__ import main
from analysis.summary import format_table, summarise
from analysis.sweep import open_sweep


class Summary(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "sweep.h5"

    def rows(self, value, status, **shape):
        synthetic.write_sweep(self.path, value, status, **shape)
        with open_sweep(self.path) as sweep:
            return summarise(sweep)

    def test_means_are_over_converged_runs_seeds_weighing_the_same(self):
        # Seed 1 converged at both step sizes with 0.1 and 0.3, seed 2 at one with 0.6: (0.2 + 0.6) / 2.
        values = {(1, 0.1): 0.1, (1, 0.2): 0.3, (2, 0.1): 0.6, (2, 0.2): 99.0}
        rows = self.rows(lambda name, activation, d, b, eps, seed: values[seed, eps],
                         lambda activation, d, b, eps, seed: 3 if (seed, eps) == (2, 0.2) else 1, seeds=2)
        self.assertEqual(len(rows), 2 * 3 * 5)
        for row in rows:
            self.assertEqual((row["runs"], row["converged"], row["diverged"]), (4, 3, 1))
            self.assertAlmostEqual(row["max_share"], 0.4, places=12)

    def test_rows_ascend_in_batch_size_and_skip_what_does_not_fit(self):
        rows = self.rows(synthetic.paper, lambda *point: 1, dimensions=(4,), batches=("n", "8", "n-1", "1"))
        self.assertEqual([row["batch_size"] for row in rows if row["activation"] == "relu"], [1, 3, 4])

    def test_table_fits_a_terminal_and_counts_what_did_not_converge(self):
        rows = self.rows(synthetic.paper, lambda activation, d, b, eps, seed: 4 if b == 1 and seed == 1 else 1)
        text = format_table(rows)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        self.assertIn("480 runs, 468 converged.", text)
        self.assertIn("Not converged: 12 dead.", text)

    def test_nothing_converged_is_a_row_too(self):
        rows = self.rows(synthetic.paper, lambda *point: 0)
        self.assertTrue(all(row["pending"] == 16 and row["max_share"] != row["max_share"] for row in rows))
        self.assertIn("480 pending", format_table(rows))

    def test_command_line(self):
        synthetic.write_sweep(self.path, synthetic.paper, lambda *point: 0)
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            self.assertEqual(main(["summary", str(self.path), "--json"]), 0)
            self.assertEqual(main(["summary", str(self.path) + ".not"]), 1)
        self.assertIsNone(json.loads(output.getvalue())[0]["max_share"])
        self.assertRegex(errors.getvalue(), r"^analysis: .*no such file\n$")


if __name__ == "__main__":
    unittest.main()
