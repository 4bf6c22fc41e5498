"""The job scripts on a real Slurm of three nodes, disturbed in every way that clusters have.

    SGDSWEEP=build/sgdsweep python3 test_slurm.py [SlurmTest.test_...]

The expectation is always the digest of an undisturbed sweep; nothing that the log has as done is trained again; no
process, mount or shared memory is left behind. Exit code 77: there can be no cluster here, and why.
"""
import os
import sys
import unittest

import cluster

# Some core-seconds in runs of some milliseconds.
GRID = """
activation: [linear, relu]
dimension: [64, 96]
batch_size: [1, n-1, n]
step_size: {scaled_by_batch: [0.03, 0.06]}
seed: {first: 1, count: 30}
"""


class SlurmTest(unittest.TestCase):
    def setUp(self):
        self.cluster = cluster.Cluster()
        self.addCleanup(self.check_nothing_left)
        self.grid = self.cluster.grid(GRID)

    def check_nothing_left(self):
        left = self.cluster.remove()
        self.assertEqual(left, [], "left behind")

    # ---- tools

    def sweep(self, file, *options, **environment):
        """Submit sweep.sbatch; returns the number of the job."""
        return self.cluster.submit(*options, self.cluster.path("jobs/sweep.sbatch"), self.grid, file, **environment)

    def undisturbed(self):
        """The digest of a sweep that nobody disturbs."""
        if not os.path.exists(self.cluster.file("whole.h5")):
            self.cluster.run(self.cluster.path("sgdsweep"), "run", self.cluster.file(self.grid), "-o",
                             self.cluster.file("whole.h5"))
        return self.cluster.status("whole.h5")["results_digest"]

    def check_end(self, job):
        """A job came to its good end, and left nothing on the nodes."""
        self.assertEqual(self.cluster.wait_end(job), ("COMPLETED", 0), self.cluster.output())
        self.cluster.wait_idle()
        self.assertEqual(self.cluster.leftovers(), [])

    def check_file(self, file):
        """Complete, right, and nothing was trained again that had been reported as done."""
        status = self.cluster.status(file)
        self.assertTrue(status["complete"], status)
        self.assertEqual(status["results_digest"], self.undisturbed())
        done = [run for block in self.cluster.events(file, "block")
                for run in range(block["first"], block["first"] + block["count"])]
        self.assertEqual(len(done), len(set(done)), "runs were trained again")
        logged = 0
        for event in self.cluster.events(file):
            if event["event"] == "block":
                logged += event["count"]
            elif event["event"] == "resume":
                self.assertEqual(event["damaged"], 0)
                self.assertGreaterEqual(event["done"], logged, "runs were lost")
        self.assertFalse(os.path.exists(self.cluster.file(file) + ".lives"))

    # ---- cases

    def test_nodes(self):
        """A job over three nodes, by mpirun and by srun."""
        for launcher in ("mpirun", "srun"):
            with self.subTest(launcher=launcher):
                file = f"{launcher}.h5"
                job = self.sweep(file, "-N3", "--ntasks-per-node=2", SGDSWEEP_LAUNCHER=launcher)
                self.check_end(job)
                self.assertEqual(self.cluster.events(file, "start")[0]["ranks"], 6)
                self.check_file(file)


if __name__ == "__main__":
    reason = cluster.unavailable()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main()
