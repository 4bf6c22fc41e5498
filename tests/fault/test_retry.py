"""Runs that fail for a reason of the machine are tried again, three times, and left as failed while the sweep goes on.

    SGDSWEEP=build/sgdsweep SGDSWEEP_SHIM_LIBRARY=build/tests/libfault_shim.so python3 tests/fault/test_retry.py

Writes to the results file fail below HDF5 (tests/fault/shim.c): each failed write is one try of one block, or of
several that were written together.
"""
import errno
import os
import re
import resource
import subprocess
import time
import unittest

from lab import FULL, PROGRAM, FaultTest

RETRIES = 3
ONE = "activation: relu\ndimension: 8\nbatch_size: 1\nstep_size: 0.1\nseed: [1, 2, 3]\n"  # one block
MANY = ("activation: [linear, relu]\ndimension: [16, 32]\nbatch_size: [1, n]\n"
        "step_size: {scaled_by_batch: [0.1, 0.2]}\nseed: {first: 1, count: 20}\n")
# Runs of a trainer of some 300 MB beside small ones.
LARGE = ("activation: relu\ndimension: [16, 3000000]\nbatch_size: 1\nstep_size: 0.1\nseed: [1, 2]\n"
         "stop: {max_steps: 5}\n")


class RetryTest(FaultTest):
    in_memory = True

    def setUp(self):
        super().setUp()
        self.write("one.yaml", ONE)
        self.write("many.yaml", MANY)

    def broken_sweep(self, grid, first, times, *options, ranks=0, code=0, rank=None):
        """A sweep into a.h5 whose first-th write to it, and those after it, fail, `times` of them."""
        done = self.finish(self.start_with_shim(ranks, "run", self.path(grid), "-o", self.path("a.h5"), *options,
                                                shim=f"lib write {first} {times} {errno.EIO}", path="a.h5$", rank=rank))
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(len([line for line in self.shim_report() if line[0] == "fired"]), times)
        return done

    def test_once_or_three_times(self):
        """Nobody notices but the log."""
        expected = self.sweep("one.yaml", "whole.h5")
        for times in range(1, RETRIES + 1):
            self.remove_sweep("a.h5")
            self.broken_sweep("one.yaml", 1, times)
            self.assertEqual([event["times"] for event in self.events("a.h5", "broken")], list(range(1, times + 1)))
            self.assertEqual(self.status("a.h5")["results_digest"], expected)
            self.assertEqual(self.events("a.h5", "failed"), [])

    def test_too_often(self):
        """Failed with the reason in the log; the next run of the same command tries it again."""
        done = self.broken_sweep("one.yaml", 1, RETRIES + 1, code=1)
        lines = [line for line in done.stderr.splitlines() if line.startswith("sgdsweep: error: ")]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertIn("3 runs failed", lines[0])
        (failed,) = self.events("a.h5", "failed")
        self.assertEqual((failed["first"], failed["count"]), (0, 3))
        self.assertIn("a.h5", failed["text"])
        self.assertEqual(self.status("a.h5")["failed"], 3)
        self.assertEqual(self.events("a.h5", "error")[0]["failed_runs"], 3)
        self.assertEqual(self.sweep("one.yaml", "a.h5"), self.sweep("one.yaml", "whole.h5"))

    def test_others_go_on(self):
        """A rank whose writes fail for a while: the blocks go to whoever can."""
        self.write("more.yaml", MANY.replace("count: 20", "count: 4000"))  # the rank is asked again after its rest
        expected = self.sweep("more.yaml", "whole.h5")
        for ranks, rank in ((0, None), (3, 1)):
            self.remove_sweep("a.h5")
            self.broken_sweep("more.yaml", 1, 2, ranks=ranks, rank=rank)
            self.assertGreaterEqual(len(self.events("a.h5", "broken")), 2)
            self.assertEqual(self.status("a.h5")["results_digest"], expected)

    def test_one_rank_never_works(self):
        """Each of its blocks is tried next by another, of another node if it writes for its own, so none is given up
        however fast it breaks them."""
        expected = self.sweep("many.yaml", "whole.h5")
        for ranks, rank, writer in ((3, 0, "all"), (3, 1, "all"), (4, 2, "node")):
            with self.subTest(writer=writer, rank=rank):
                self.remove_sweep("a.h5")
                self.env["SGDSWEEP_RANKS_PER_NODE"] = "2"
                done = self.finish(self.start_with_shim(ranks, "run", self.path("many.yaml"), "-o", self.path("a.h5"),
                                                        "--writer", writer, shim=f"lib write 1 1000000 {errno.EIO}",
                                                        path="a.h5$", rank=rank))
                self.assertEqual(done.returncode, 0, done.stderr)
                broken = [(event["rank"], event["times"]) for event in self.events("a.h5", "broken")]
                self.assertLessEqual(set(broken), {(rank, 1)})  # none where the others were faster
                self.assertEqual(self.events("a.h5", "failed"), [])
                self.assertEqual(self.status("a.h5")["results_digest"], expected)

    def test_one_rank_writes_for_all(self):
        """Its writes fail for a while, or for good: its own runs and those of others are done again, and what all ranks
        come to in the end is the same."""
        expected = self.sweep("many.yaml", "whole.h5")
        for writer, rank in (("root", 0), ("node", 2)):
            with self.subTest(writer=writer):
                self.remove_sweep("a.h5")
                self.env["SGDSWEEP_RANKS_PER_NODE"] = "2"
                self.broken_sweep("many.yaml", 1, 2, "--writer", writer, ranks=4, rank=rank)
                broken = self.events("a.h5", "broken")
                self.assertGreaterEqual(len(broken), 2)
                self.assertEqual({event["rank"] for event in broken}, {rank})
                self.assertEqual(self.events("a.h5", "failed"), [])
                self.assertEqual(self.status("a.h5")["results_digest"], expected)

    def test_full_disk_of_the_rank_that_writes(self):
        for number in (errno.ENOSPC, errno.EIO):
            with self.subTest(errno=number):
                self.remove_sweep("a.h5")
                done = self.finish(self.start_with_shim(3, "run", self.path("many.yaml"), "-o", self.path("a.h5"),
                                                        "--writer", "root", shim=f"lib write 40 1000000 {number}",
                                                        path="a.h5$", rank=0))
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertEqual(done.stderr.count("sgdsweep: error: "), 1, done.stderr)
                self.shim_report()
                self.assertGreater(self.status("a.h5")["pending"], 0)
                self.assertEqual(self.sweep("many.yaml", "a.h5"), self.sweep("many.yaml", "whole.h5"))

    def test_fail_fast(self):
        done = self.broken_sweep("many.yaml", 1, 1, "--fail-fast", code=1)
        self.assertEqual(done.stderr.count("sgdsweep: error: "), 1, done.stderr)
        self.assertGreater(self.status("a.h5")["pending"], 0)
        self.assertEqual(self.sweep("many.yaml", "a.h5"), self.sweep("many.yaml", "whole.h5"))

    def test_nothing_works(self):
        """A disk that is gone: not every run is tried four times before the sweep gives up."""
        done = self.finish(self.start_with_shim(0, "run", self.path("many.yaml"), "-o", self.path("a.h5"),
                                                shim=f"lib write 1 1000000 {errno.EIO}", path="a.h5$"))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertLess(len(self.events("a.h5", "broken")), 160)  # of 640 runs
        self.shim_report()
        self.assertEqual(self.sweep("many.yaml", "a.h5"), self.sweep("many.yaml", "whole.h5"))

    def under_limit(self, limit):
        """A sweep into a.h5 whose address space ends there; None: its largest size is measured instead."""
        process = subprocess.Popen(
            [PROGRAM, "run", self.path("large.yaml"), "-o", self.path("a.h5"), "--progress", "none",
             "--checkpoint", "0.05"],
            env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: limit and resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        self.started.append(process)
        peak = 0
        while limit is None and process.poll() is None:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                found = re.search(r"VmPeak:\s+(\d+) kB", status.read())
            peak = max(peak, 1024 * int(found[1])) if found else peak
            time.sleep(0.01)
        return self.finish(process), peak

    def test_limit_of_memory(self):
        """Less memory than the large runs of a sweep take: the others are done, those fail with a line that says so;
        with memory the same command does them. Whatever the limit, it ends, and nothing is damaged."""
        self.write("large.yaml", LARGE)
        done, peak = self.under_limit(None)
        self.assertEqual(done.returncode, 0, done.stderr)
        expected = self.status("a.h5")["results_digest"]
        codes, failed = [], 0
        for part in [self.chance.uniform(0.4, 0.6)] + [self.chance.uniform(0.1, 1) for _ in range(12 if FULL else 0)]:
            self.remove_sweep("a.h5")
            done, _ = self.under_limit(int(part * peak))
            place = f"{part:.3f} of {peak} bytes: {done.stderr}"
            codes.append(done.returncode)
            self.assertIn(done.returncode, (0, 1), place)
            self.assertEqual(len(self.error_lines(done)), done.returncode, place)
            if os.path.exists(self.path("a.h5")):
                status = self.status("a.h5")
                self.assertEqual(status["damaged"], 0, place)
                self.assertEqual(status["complete"], done.returncode == 0, place)
                failed += status["failed"] == 2 and status["pending"] == 0  # the large ones
                self.assertEqual(self.sweep("large.yaml", "a.h5"), expected, place)
        print(f"peak {peak}, exit codes {codes}, {failed} sweeps without their large runs")
        self.assertGreater(failed, 0)

    def test_no_memory(self):
        """Allocations of ours that fail once each, on a long way through a sweep: complete, or one clear error."""
        expected = self.sweep("one.yaml", "whole.h5")
        self.finish(self.start_with_shim(0, "run", self.path("one.yaml"), "-o", self.path("a.h5"), shim=None))
        calls = {line[1]: int(line[2]) for line in self.shim_report() if line[0] == "calls"}["memory"]
        survived = 0
        for first in sorted(self.chance.sample(range(1, calls), 12)):
            self.remove_sweep("a.h5")
            done = self.finish(self.start_with_shim(0, "run", self.path("one.yaml"), "-o", self.path("a.h5"),
                                                    shim=f"own memory {first} 1 {errno.ENOMEM}"))
            self.shim_report()
            self.assertIn(done.returncode, (0, 1), f"own memory {first}\n{done.stderr}")
            survived += done.returncode == 0
            self.assertEqual(self.sweep("one.yaml", "a.h5"), expected, f"own memory {first}")
        print(f"{survived} of 12 sweeps did not mind")


if __name__ == "__main__":
    unittest.main()
