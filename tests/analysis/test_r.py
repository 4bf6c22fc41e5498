"""The reader for R, in R: the same values as in Python, masked alike. Needs Rscript with ncdf4."""

import subprocess
import unittest
from pathlib import Path

import numpy as np
from analysis import open_sweep
from program import ProgramTest

READER = Path(__file__).parents[2] / "analysis" / "readers" / "open_sweep.R"
GRID = """
activation: [linear, relu]
dimension: [4, 8]
batch_size: [1, n/2, n, 6]
step_size: {scaled_by_batch: [0.2, 0.9]}
seed: {first: 5, count: 3}
record: {steps: [0, 10]}
weights: record
"""
SCRIPT = """
source("{reader}")
sweep <- open_sweep("{file}", also = c("weights", "norm_record"))
for (name in c("status", "max_share", "steps", "steps_sparse", "norm_record", "weights")) {{
  cat(name, dim(sweep[[name]]), "\\n")
  cat(format(ifelse(is.na(sweep[[name]]), NaN, sweep[[name]]), digits = 17), "\\n")
}}
cat(names(dimnames(sweep$max_share)), "\\n")
cat(attr(sweep$steps, "units"), dimnames(sweep$max_share)$batch, dimnames(sweep$max_share)$seed, "\\n")
cat(sweep$batch_size, "\\n")
cat(is.null(open_sweep("{file}")$weights), all(is.na(open_sweep("{file}", keep = 4)$loss[, , , , , "linear"])), "\\n")
"""


class ReaderForR(ProgramTest):
    def test_same_as_in_python(self):
        done, file = self.call(GRID)
        self.assertEqual(done.returncode, 0, done.stderr)
        script = SCRIPT.format(reader=READER, file=file)
        answer = subprocess.run(["Rscript", "--vanilla", "-e", script], capture_output=True, text=True, timeout=120)
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        lines = answer.stdout.splitlines()
        with open_sweep(file, also=["weights", "norm_record"]) as sweep:
            for at, name in enumerate(("status", "max_share", "steps", "steps_sparse", "norm_record", "weights")):
                head, *shape = lines[2 * at].split()
                self.assertEqual((head, [int(size) for size in shape]), (name, list(sweep[name].shape[::-1])))
                got = np.array([float(word) for word in lines[2 * at + 1].split()])
                np.testing.assert_array_equal(got.reshape(sweep[name].shape), sweep[name].values, name)
            self.assertGreater(np.isnan(sweep["max_share"].values).sum(), 3)
            self.assertEqual(lines[12].split(), list(sweep["max_share"].dims[::-1]))
            self.assertEqual(lines[13].split(), ["step", "1", "n/2", "n", "6", "5", "6", "7"])
            self.assertEqual([int(size) for size in lines[14].split()], [1, 2, 4, 0, 1, 4, 8, 6])
        self.assertEqual(lines[15].split(), ["TRUE", "TRUE"])


if __name__ == "__main__":
    unittest.main()
