"""open_sweep beside a sweep that runs: what it shows is final, what is not done is masked, also in what is recorded."""

import os
import subprocess
import time
import unittest

import numpy as np
from analysis import STATUSES, open_sweep
from program import PROGRAM, ProgramTest

GRID = """
activation: [linear, relu]
dimension: 256
batch_size: [1, n/4, n/2, n-1]
step_size: {scaled_by_batch: [0.1, 0.2]}
seed: {first: 1, count: 64}
record: {steps: [0, 1000]}
weights: record
"""
ALSO = ["weights", "norm_record"]
NAMES = ("max_share", "steps", "weights", "norm_record")


class WhileItRuns(ProgramTest):
    def test_seen_is_final(self):
        source, file = self.folder / "g.yaml", self.folder / "r.h5"
        source.write_text(GRID)
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        run = subprocess.Popen([PROGRAM, "run", source, "-o", file, "--progress", "none"], env=environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(run.kill)
        looks = []
        while run.poll() is None:
            if file.exists():
                with open_sweep(file, also=ALSO, only=("max_share", "steps")) as sweep:
                    looks.append(sweep.load())
            time.sleep(0.02)
        self.assertEqual(run.returncode, 0)
        with open_sweep(file, also=ALSO, only=("max_share", "steps")) as sweep:
            final = sweep.load()
        done = [(look["status"] == STATUSES.index("converged")).values for look in looks]
        partial = [0 < one.sum() < one.size for one in done]
        self.assertTrue(any(partial), f"{len(looks)} looks, none at a sweep under way")
        for look, seen in zip(looks, done):
            for name in NAMES:
                shown, true = look[name].values, final[name].values
                self.assertTrue(np.isnan(shown[~seen]).all(), name)
                np.testing.assert_array_equal(shown[seen], true[seen], name)


if __name__ == "__main__":
    unittest.main()
