"""Files whose cells have as many seeds as a precision took: runs that were not needed are neither missing nor open."""

import contextlib
import io
import json
import unittest

import numpy as np
from program import ProgramTest

from analysis import open_sweep
from analysis.__main__ import main
from analysis.claims import judge_all
from analysis.claims_table import rows_of
from analysis.evidence import Evidence
from analysis.summary import summarise

GRID = """
dimension: [16, 32]
batch_size: [1, n-1, n, 20]
step_size: {scaled_by_batch: 0.2}
seed: %s
"""
UNTIL = "{until: {measure: sparse, half_width: 0.05, confidence: 0.9, looks: [20, 60, 120]}}"
USED = 60  # 60 of 60, or none, at 1 - 0.1 / 3: 0.067 wide; every cell agrees, but for relu at b = n


class UntilTest(ProgramTest):
    def setUp(self):
        super().setUp()
        done, self.results = self.call(GRID % UNTIL)  # some tenths of a second
        self.assertEqual(done.returncode, 0, done.stderr)

    def analysis(self, *arguments):
        """What the command prints, without another start of Python."""
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self.assertFalse(main([*map(str, arguments)]))
        return printed.getvalue()

    def test_open_sweep(self):
        """Decisions keep their shape and are not masked; what was not needed has no values."""
        sweep = open_sweep(self.results)
        self.assertEqual(sweep["estimate"].dims, ("activation", "sampling", "dimension", "batch", "step_value"))
        used = sweep["seeds_used"].values
        self.assertEqual(set(used.ravel()), {0, USED})  # 0: 20 does not fit at n = 16
        self.assertEqual(int(np.isfinite(sweep["estimate"]).sum()), 14)
        values = np.isfinite(sweep["max_share"].values).sum(axis=-1)
        np.testing.assert_array_equal(values, used)

    def test_counts(self):
        rows = {(row["activation"], row["dimension"], row["batch_size"]): row
                for row in summarise(open_sweep(self.results))}
        self.assertEqual({row["runs"] for row in rows.values()}, {USED})
        self.assertEqual({row["not_needed"] for row in rows.values()}, {120 - USED})
        for row in rows_of(Evidence(self.results)):
            self.assertEqual((row["runs"], row["seeds"], row["seeds_converged"]), (USED, USED, USED))
        said = self.analysis("summary", self.results)
        self.assertIn(f"{14 * USED} runs, {14 * USED} converged.", said.replace("\n", " "))
        self.assertNotIn("not_needed", said)
        self.assertIn("until a precision was reached: in 14 of 14 cells with 60 to 60 seeds", said)

    def test_claims(self):
        """Exact claims are judged on the runs there are; tests for a fixed number of seeds are not made."""
        verdicts = {verdict.claim: verdict for verdict in judge_all(Evidence(self.results))}
        exact = [verdict for verdict in verdicts.values() if verdict.kind == "exact" and verdict.verdict == "PASS"]
        self.assertGreaterEqual(len(exact), 4)
        for verdict in exact:
            self.assertEqual(verdict.open, {})
            self.assertGreater(verdict.held, 0)
        for verdict in verdicts.values():
            if verdict.kind != "exact":
                self.assertEqual((verdict.verdict, verdict.rows), ("not tested", []))
                self.assertIn("fixed number of seeds", verdict.reason)
        self.assertIn("Seeds were added cell by cell", self.analysis("claims", self.results))
        self.assertEqual(json.loads(self.analysis("claims", self.results, "--json"))["rows"][0]["runs"], USED)

    def test_same_runs_same_verdicts(self):
        """As a grid with so many seeds says, run by run."""
        done, fixed = self.call(GRID % f"{{first: 1, count: {USED}}}")
        self.assertEqual(done.returncode, 0, done.stderr)
        want = {verdict.claim: verdict for verdict in judge_all(Evidence(fixed)) if verdict.kind == "exact"}
        for verdict in judge_all(Evidence(self.results)):
            if verdict.kind == "exact":
                other = want[verdict.claim]
                self.assertEqual((verdict.verdict, verdict.held, verdict.violated),
                                 (other.verdict, other.held, other.violated), verdict.claim)


if __name__ == "__main__":
    unittest.main()
