"""The job scripts on a real Slurm of three nodes, disturbed in every way that clusters have.

    SGDSWEEP=build/sgdsweep python3 test_slurm.py [SlurmTest.test_...]

The expectation is always the digest of an undisturbed sweep; nothing that the log has as done is trained again; no
process, mount or shared memory is left behind. Exit code 77: there can be no cluster here, and why.
"""
import os
import pwd
import signal
import sys
import time
import unittest

import cluster

# Some core-seconds in runs of some milliseconds.
GRID = """
activation: [linear, relu]
dimension: [64, 96]
batch_size: [1, n-1, n]
step_size: {scaled_by_batch: [0.03, 0.06]}
seed: {first: 1, count: 45}
"""

# Two runs of some core-seconds each.
LONG_GRID = """
activation: linear
dimension: 64
batch_size: 1
step_size: {scaled_by_batch: 0.01}
seed: [1, 2]
stop: {max_steps: 200000000, tol: 0}
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

    def check_result(self, file):
        """Complete, and to the bit what an undisturbed sweep gives."""
        status = self.cluster.status(file)
        self.assertTrue(status["complete"], status)
        self.assertEqual(status["results_digest"], self.undisturbed())

    def check_file(self, file):
        """Also: nothing was trained again that had been reported as done."""
        self.check_result(file)
        self.check_log(file)

    def check_log(self, file):
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
        """Wait until a life of a sweep is in the middle of its work, and hold its ranks there."""
        def working():
            names = [event["event"] for event in self.cluster.events(file)]
            begins = [i for i, name in enumerate(names) if name in ("start", "resume")]
            return len(begins) >= life and names[begins[life - 1]:].count("block") >= 2
        try:
            cluster.until(working, f"life {life} of {file}", poll_s=0.02)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.cluster.job(job)}\n{self.cluster.output()}") from None
        frozen = self.cluster.freeze()
        self.assertGreater(self.cluster.status(file)["pending"], 0, "too late to disturb it")
        return frozen

    def preempted(self, job):
        known = self.cluster.job(job)
        return known.get("PreemptTime", "None") != "None" or known.get("Restarts") == "1"

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
        """Warned by Slurm before the limit, in the middle of the work, twice at least; a later life completes."""
        # The limit is looked at every 30 s. A warning a minute ahead of a limit of two comes at one of the first looks.
        job = self.sweep("a.h5", "-N2", "--ntasks-per-node=1", "--time=2", "--signal=B:USR1@100")
        for life in (1, 2):
            frozen = self.catch(job, "a.h5", life)
            cluster.until(lambda: self.cluster.output().count("asked to stop") == life, "a warning", timeout_s=60)
            self.cluster.thaw(frozen)
        self.check_end(job)
        stops = len(self.cluster.events("a.h5", "stop"))  # a slow machine may need a fourth life
        self.assertGreaterEqual(stops, 2)
        self.assertEqual(self.cluster.job(job)["Restarts"], str(stops))
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

    def node_dies(self, node, others):
        job = self.sweep("a.h5", "-N2", "--ntasks-per-node=1")
        frozen = self.catch(job, "a.h5")
        self.assertEqual(self.cluster.job(job)["NodeList"], "n[1-2]")
        self.cluster.control("kill", "node", node)
        self.cluster.thaw(frozen)
        self.cluster.wait_life(job, 2)
        self.check_end(job)
        self.assertEqual(self.cluster.job(job)["NodeList"], others)
        self.check_file("a.h5")

    def test_node_dies(self):
        """The power of a node fails; the job goes on on the others."""
        self.node_dies("2", "n[1,3]")

    def test_first_node_dies(self):
        """The power of the node fails that runs the script and rank 0."""
        self.node_dies("1", "n[2-3]")

    def test_preempted(self):
        """A job of a higher partition takes the nodes: with a time of grace, which TERM announces, and at once."""
        for partition, launcher, stops in (("low", "srun", 1), ("lowest", "mpirun", 0)):
            with self.subTest(partition=partition):
                file = f"{partition}.h5"
                job = self.sweep(file, "-N3", "--ntasks-per-node=1", "-p", partition, SGDSWEEP_LAUNCHER=launcher)
                frozen = self.catch(job, file)
                high = self.cluster.submit("-N3", "--exclusive", "-p", "high", "--output=high.txt", "--wrap", "true")
                cluster.until(lambda: self.preempted(job), "preemption")
                self.cluster.thaw(frozen)
                self.assertEqual(self.cluster.wait_end(high), ("COMPLETED", 0))
                self.check_end(job)
                self.assertEqual(self.cluster.job(job)["Restarts"], "1")
                self.assertEqual(len(self.cluster.events(file, "stop")), stops)
                self.check_file(file)

    def test_split_brain(self):
        """A slurmd dies alone: its ranks go on writing while the job runs again elsewhere."""
        job = self.sweep("a.h5", "-N1", "--ntasks-per-node=2")
        old = self.catch(job, "a.h5")
        self.cluster.control("kill", "slurmd", self.cluster.job(job)["NodeList"][1:])
        new = self.catch(job, "a.h5", 2)
        self.assertEqual(len(new), 4)
        self.cluster.thaw(old)
        self.cluster.wait_blocks("a.h5", 4)  # of those whom Slurm thinks dead
        self.cluster.thaw(new)
        self.check_end(job)
        cluster.until(lambda: not self.cluster.ranks(), "the end of the old ranks")
        cluster.until(lambda: self.cluster.output().count("complete\n") == 2, "the end of the old life")
        self.check_result("a.h5")

    def test_split_brain_stops(self):
        """The old life of a job that runs again elsewhere loses its ranks: it must not requeue the new one."""
        job = self.sweep("a.h5", "-N1", "--ntasks-per-node=2")
        old = self.catch(job, "a.h5")
        self.cluster.control("kill", "slurmd", self.cluster.job(job)["NodeList"][1:])
        new = self.catch(job, "a.h5", 2)
        os.kill(old[0], signal.SIGKILL)
        cluster.until(lambda: "this life is over" in self.cluster.output(), "the end of the old life")
        self.cluster.thaw(new)
        self.check_end(job)
        self.assertEqual(self.cluster.job(job)["Restarts"], "1")
        self.check_result("a.h5")

    def test_controller_dies(self):
        """slurmctld is killed; the sweep stops meanwhile, and the job waits for slurmctld to requeue it."""
        job = self.sweep("a.h5", "-N2", "--ntasks-per-node=1")
        frozen = self.catch(job, "a.h5")
        self.cluster.wait_saved(job)
        self.cluster.control("kill", "slurmctld")
        for pid in frozen:
            os.kill(pid, signal.SIGUSR1)
        self.cluster.thaw(frozen)
        cluster.until(lambda: "goes back" in self.cluster.output(), "a life that wants to be requeued")
        self.cluster.control("boot", "slurmctld")
        self.cluster.wait_life(job, 2)
        self.check_end(job)
        self.check_file("a.h5")

    def test_rank_is_killed(self):
        """A rank is killed, as by the kernel when memory runs out: the job requeues itself."""
        for launcher in ("mpirun", "srun"):
            with self.subTest(launcher=launcher):
                file = f"{launcher}.h5"
                job = self.sweep(file, "-N3", "--ntasks-per-node=1", SGDSWEEP_LAUNCHER=launcher)
                frozen = self.catch(job, file)
                os.kill(frozen[-1], signal.SIGKILL)
                self.cluster.thaw(frozen)
                self.check_end(job)
                self.assertEqual(self.cluster.job(job)["Restarts"], "1")
                self.check_file(file)

    def rank_of(self, pid):
        with open(f"/proc/{pid}/environ", encoding="utf-8", errors="replace") as environ:
            return int(next(word[13:] for word in environ.read().split("\0") if word.startswith("SLURM_PROCID=")))

    def test_dead_peer(self):
        """A rank is killed under a plain srun, which leaves the others alone: they find out, and end."""
        self.assertRegex(self.cluster.run("scontrol", "show", "config").stdout, r"KillOnBadExit += 0")
        for victim in (2, 0):
            with self.subTest(victim=victim):
                file = f"{victim}.h5"
                run = f"srun --mpi=pmix {self.cluster.path('sgdsweep')} run {self.grid} -o {file} --progress none"
                run = f"SLURM_PMIX_FENCE=ring {run}"  # as in jobs/life.sh: with the default one start in ten crashes
                job = self.cluster.submit("-N3", "--ntasks-per-node=1", "--output=%j.out", "--wrap", run)
                frozen = self.catch(job, file)
                pid = next(pid for pid in frozen if self.rank_of(pid) == victim)
                os.kill(pid, signal.SIGKILL)
                began = time.monotonic()
                self.cluster.thaw(frozen)
                state, code = self.cluster.wait_end(job)
                print(f"rank {victim}: {state} after {time.monotonic() - began:.1f} s")
                self.assertEqual((state, code), ("FAILED", 137))
                self.assertIn(f"sgdsweep: error: rank {victim} on n{victim + 1} died", self.cluster.output())
                self.assertEqual(self.cluster.status(file)["damaged"], 0)
                self.cluster.wait_idle()
                self.assertEqual(self.cluster.ranks(), [])

    def test_memory_limit(self):
        """More memory than asked for: Slurm ends the job; submitted again with more it completes."""
        job = self.sweep("a.h5", "-N1", "--ntasks-per-node=2", "--mem=40")
        state, code = self.cluster.wait_end(job)
        self.assertNotEqual((state, code), ("COMPLETED", 0))
        self.assertIn("memory limit", self.cluster.output())
        self.cluster.wait_idle()
        self.check_end(self.sweep("a.h5", "-N1", "--ntasks-per-node=2", "--mem=1000"))
        self.check_file("a.h5")

    def test_ordinary_user(self):
        """Not as root: requeued by itself, and complete."""
        user = pwd.getpwnam("nobody").pw_uid
        job = self.sweep("a.h5", "-N3", "--ntasks-per-node=1", user=user)
        frozen = self.catch(job, "a.h5")
        self.assertEqual({os.stat(f"/proc/{pid}").st_uid for pid in frozen}, {user})
        self.cluster.run("scancel", "-b", "-s", "USR1", job, user=user)
        cluster.until(lambda: "asked to stop" in self.cluster.output(), "a warning")
        self.cluster.thaw(frozen)
        self.check_end(job)
        self.assertEqual(self.cluster.job(job)["Restarts"], "1")
        self.check_file("a.h5")

    def test_array(self):
        """Four shards, two at a time, merged by a job that waits for them; one is cancelled and submitted again."""
        def submit(elements):
            array = self.cluster.submit(f"--array={elements}", "--ntasks=2", self.cluster.path("jobs/array.sbatch"),
                                        "4", self.grid, "a.h5")
            merge = self.cluster.submit(f"--dependency=afterok:{array}", "--kill-on-invalid-dep=yes",
                                        self.cluster.path("jobs/merge.sbatch"), "4", "a.h5")
            return array, merge

        array, merge = submit("1-4%2")
        parts = [f"a.{shard}of4.h5" for shard in (1, 2, 3, 4)]
        frozen = self.catch(f"{array}_1", parts[0])
        self.assertFalse(os.path.exists(self.cluster.file(parts[2])), "more than two at a time")
        self.cluster.run("scancel", f"{array}_1")
        self.cluster.run("scancel", "-b", "-s", "USR1", f"{array}_2")
        cluster.until(lambda: "asked to stop" in self.cluster.output(), "a warning")
        self.cluster.thaw(frozen)
        for shard in (2, 3, 4):
            self.assertEqual(self.cluster.wait_end(f"{array}_{shard}"), ("COMPLETED", 0), self.cluster.output())
        self.assertEqual(self.cluster.job(f"{array}_2")["Restarts"], "1")
        self.assertEqual(self.cluster.wait_end(merge)[0], "CANCELLED")
        self.assertFalse(os.path.exists(self.cluster.file("a.h5")))
        array, merge = submit("1")
        self.check_end(merge)
        self.check_result("a.h5")
        for part in parts:
            self.check_log(part)

    def test_long_runs(self):
        """Runs that are longer than a life: their states are saved, and the next life goes on with them."""
        self.grid = self.cluster.grid(LONG_GRID)
        job = self.sweep("a.h5", "-N2", "--ntasks-per-node=1")
        cluster.until(lambda: self.cluster.events("a.h5", "start"), "a sweep")
        time.sleep(0.5)
        self.cluster.run("scancel", "-b", "-s", "USR1", job)
        self.check_end(job)
        self.assertEqual(self.cluster.job(job)["Restarts"], "1")
        restored = self.cluster.events("a.h5", "state_restored")
        self.assertEqual(len(restored), 2)
        self.assertGreater(min(event["steps"] for event in restored), 0)
        self.check_file("a.h5")

    def test_submit(self):
        """From submit.sh to a complete file, as one job and as an array; watch.sh follows."""
        for more in ((), ("--array", "2")):
            with self.subTest(more=more):
                file = f"{len(more)}.h5"
                self.cluster.run("bash", self.cluster.path("jobs/submit.sh"), self.grid, "-o", file, *more)
                said = self.cluster.run("bash", self.cluster.path("jobs/watch.sh"), file, "--interval", "1").stdout
                self.assertIn("100 %", said)
                self.cluster.wait_idle()
                self.check_result(file)

    def test_no_progress(self):
        """A job does not requeue itself for ever: two lives that get nowhere are enough."""
        fake = self.cluster.file("fake")
        with open(fake, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\n[ "$1" = run ] && exit 75\nexec {self.cluster.path("sgdsweep")} "$@"\n')
        os.chmod(fake, 0o755)
        job = self.sweep("a.h5", "-N2", "--ntasks-per-node=1", SGDSWEEP=fake)
        self.assertEqual(self.cluster.wait_end(job), ("FAILED", 1), self.cluster.output())
        self.assertEqual(self.cluster.job(job)["Restarts"], "1")
        self.assertIn("2 lives in a row finished no run and saved no state", self.cluster.output())
        self.assertEqual(self.cluster.leftovers(), [])

    def test_failures_end(self):
        """What the program says is wrong is not tried again."""
        self.grid = self.cluster.grid("dimension: [4, 4]\n")
        job = self.sweep("a.h5", "-N1")
        self.assertEqual(self.cluster.wait_end(job), ("FAILED", 2), self.cluster.output())
        self.assertIn("grid.yaml:1:", self.cluster.output())
        self.assertEqual(self.cluster.job(job)["Restarts"], "0")


if __name__ == "__main__":
    reason = cluster.unavailable()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main()
