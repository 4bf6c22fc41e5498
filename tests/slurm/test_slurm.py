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

    def catch(self, job, file, life=1):
        """Wait until a life of a job is in the middle of its work, and hold it there."""
        self.cluster.wait_life(job, life)
        self.cluster.wait_blocks(file)
        frozen = self.cluster.freeze()
        self.assertGreater(self.cluster.status(file)["pending"], 0, "too late to disturb it")
        return frozen

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

    def test_time_limit(self):
        """Warned by Slurm before the limit, in the middle of the work, twice; the third life completes."""
        # The limit is looked at every 30 s. A warning a minute ahead of a limit of two comes at one of the first looks.
        job = self.sweep("a.h5", "-N2", "--ntasks-per-node=1", "--time=2", "--signal=B:USR1@100")
        for life in (1, 2):
            frozen = self.catch(job, "a.h5", life)
            cluster.until(lambda: self.cluster.output().count("asked to stop") == life, "a warning", timeout_s=60)
            self.cluster.thaw(frozen)
        self.check_end(job)
        self.assertEqual(self.cluster.job(job)["Restarts"], "2")
        self.assertEqual(len(self.cluster.events("a.h5", "stop")), 2)
        self.check_file("a.h5")

    def test_by_hand(self):
        """Requeued by hand; cancelled and submitted again."""
        job = self.sweep("a.h5", "-N2", "--ntasks-per-node=1")
        frozen = self.catch(job, "a.h5")
        self.cluster.run("scontrol", "requeue", job)
        self.cluster.thaw(frozen)
        frozen = self.catch(job, "a.h5", 2)
        self.cluster.run("scancel", job)
        self.cluster.thaw(frozen)
        self.assertEqual(self.cluster.wait_end(job)[0], "CANCELLED")
        self.cluster.wait_idle()
        self.check_end(self.sweep("a.h5", "-N3", "--ntasks-per-node=1"))
        self.check_file("a.h5")

    def test_node_dies(self):
        """The power of a node fails; the job goes on on the others."""
        job = self.sweep("a.h5", "-N2", "--ntasks-per-node=1")
        frozen = self.catch(job, "a.h5")
        self.assertEqual(self.cluster.job(job)["NodeList"], "n[1-2]")
        self.cluster.control("kill", "node", "2")
        self.cluster.thaw(frozen)
        self.cluster.wait_life(job, 2)
        self.check_end(job)
        self.assertEqual(self.cluster.job(job)["NodeList"], "n[1,3]")
        self.check_file("a.h5")


if __name__ == "__main__":
    reason = cluster.unavailable()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main()
