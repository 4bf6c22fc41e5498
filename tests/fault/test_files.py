"""What happens to files while a sweep needs them: full disks, a read-only folder, a results file that is removed, cut,
replaced or copied while it is written, two sweeps on one file, a clock that is set back.

    SGDSWEEP=build/sgdsweep SGDSWEEP_SHIM_LIBRARY=build/tests/libfault_shim.so python3 tests/fault/test_files.py

Small file systems are mounted in a mount namespace of the test's own (root, unshare); without that those tests are
skipped and say so.
"""
import glob
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

from lab import SMALL, FaultTest

# About two core-seconds in runs of some milliseconds.
LONG = """
activation: [linear, relu]
dimension: [64, 96]
batch_size: [1, n-1, n]
step_size: {scaled_by_batch: [0.03, 0.06]}
seed: {first: 1, count: 20}
"""
# Some runs of a core-second each.
LONG_RUNS = """
activation: relu
dimension: 128
batch_size: 127
step_size: {scaled_by_batch: 0.01}
seed: {first: 1, count: 3}
"""
NO_SPACE, READ_ONLY = "No space left on device", "Read-only file system"


def enter_namespace():
    """Start this test again in a mount namespace of its own, if that can be."""
    if "SGDSWEEP_TEST_NAMESPACE" in os.environ:
        return
    probe = ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=1m none /mnt"]
    can = shutil.which("unshare") and subprocess.run(probe, capture_output=True, check=False).returncode == 0
    os.environ["SGDSWEEP_TEST_NAMESPACE"] = "yes" if can else "no"
    if can:
        os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])


class FilesTest(FaultTest):
    def setUp(self):
        super().setUp()
        self.mounted = []

    def tearDown(self):
        for folder in self.mounted:
            subprocess.run(["umount", "-l", folder], check=False)
        super().tearDown()

    def mount(self, size):
        """A folder `small` on a file system of so many bytes."""
        if os.environ.get("SGDSWEEP_TEST_NAMESPACE") != "yes":
            self.skipTest("cannot mount: needs root and unshare -m")
        folder = self.path("small")
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=True)
        self.mounted.append(folder)
        return folder

    def fill(self, folder):
        """Leave no byte free; returns the ballast."""
        ballast = os.path.join(folder, "ballast")
        with open(ballast, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)) == 4096:
                    pass
            except OSError:
                pass
        return ballast

    def run_args(self, file, grid="grid.yaml"):
        return ["run", self.path(grid), "-o", self.path(file), "--progress", "none"]

    def fails(self, ranks, *arguments, code=1, says=""):
        """One clear line and the exit code."""
        done = self.program(ranks, *arguments, code=code)
        lines = self.error_lines(done)
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertIn(says, lines[0])
        return lines[0]

    def punch(self, file):
        """Give back the disk space of a fresh file's results, as if the file system had not reserved it."""
        before = os.stat(self.path(file)).st_blocks
        for at, size in self.events(file, "create")[0]["extents"].values():  # whole pages, and nothing but results
            first, last = -(-at // 4096) * 4096, (at + size) // 4096 * 4096
            if last > first:
                subprocess.run(["fallocate", "--punch-hole", "--offset", str(first), "--length", str(last - first),
                                self.path(file)], check=True)
        self.assertLess(os.stat(self.path(file)).st_blocks, before / 2)

    def wait_for_blocks(self, process, file, count=1):
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            if os.path.exists(self.path(file) + ".log") and len(self.events(file, "block")) >= count:
                return
            time.sleep(0.005)
        self.fail(f"no block: {self.finish(process).stderr}")

    # ---- full disks

    def test_full_at_creation(self):
        self.write("grid.yaml", SMALL)
        folder = self.mount("60k")
        self.fails(0, *self.run_args("small/a.h5"), says="GB free")
        self.assertEqual(os.listdir(folder), [])
        self.fill(folder)
        self.fails(2, *self.run_args("small/a.h5"))
        self.assertEqual(os.listdir(folder), ["ballast"])

    def test_full_after_creation(self):
        """What was reserved at creation is enough for the results; the log is not reserved."""
        self.write("grid.yaml", SMALL)
        expected = self.sweep("grid.yaml", "whole.h5")
        folder = self.mount("1m")
        self.program(0, *self.run_args("small/a.h5"), "--max-seconds", "1e-9", code=75)
        with open(self.path("small/a.h5.log"), "a", encoding="utf-8") as log:  # room for the log in its last page
            log.write(" " * (-log.tell() % 4096 - 1) + "\n")
        ballast = self.fill(folder)
        for ranks in (0, 2):
            self.fails(ranks, *self.run_args("small/a.h5"), says=NO_SPACE)
        os.unlink(ballast)
        self.assertEqual(self.sweep("grid.yaml", "small/a.h5"), expected)

    def test_full_in_results(self):
        """As on a file system that does not keep what was reserved: results find no room."""
        self.write("grid.yaml", SMALL.replace("count: 20", "count: 400"))
        expected = self.sweep("grid.yaml", "whole.h5", ranks=2)
        folder = self.mount("4m")
        for ranks in (0, 2):
            self.program(0, *self.run_args("small/a.h5"), "--max-seconds", "1e-9", code=75)
            self.punch("small/a.h5")
            ballast = self.fill(folder)
            os.truncate(ballast, os.path.getsize(ballast) - 4 * 4096)  # room for lock and log
            line = self.fails(ranks, *self.run_args("small/a.h5"), says=NO_SPACE)
            self.assertIn("writing", line)
            os.unlink(ballast)
            self.assertEqual(self.sweep("grid.yaml", "small/a.h5", ranks=ranks), expected)
            self.remove_sweep("small/a.h5")

    def test_full_in_checkpoints(self):
        """No room for states: what is done stays, nothing is damaged, and the same command goes on."""
        self.write("grid.yaml", LONG_RUNS)
        expected = self.sweep("grid.yaml", "whole.h5")
        folder = self.mount("1m")
        self.program(0, *self.run_args("small/a.h5"), "--max-seconds", "1e-9", code=75)
        ballast = self.fill(folder)
        done = self.program(0, *self.run_args("small/a.h5"), "--checkpoint", "0.1", "--max-seconds", "0.4", code=None)
        self.assertIn(done.returncode, (1, 75), done.stderr)
        self.assertIn(NO_SPACE, done.stderr)
        os.unlink(ballast)
        self.assertEqual(self.sweep("grid.yaml", "small/a.h5"), expected)

    def test_read_only(self):
        self.write("grid.yaml", SMALL)
        expected = self.sweep("grid.yaml", "whole.h5")
        folder = self.mount("1m")
        self.sweep("grid.yaml", "small/a.h5")
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        self.assertEqual(self.status("small/a.h5")["results_digest"], expected)
        self.fails(0, *self.run_args("small/a.h5"), says=READ_ONLY)
        self.fails(2, *self.run_args("small/b.h5"), says=READ_ONLY)
        self.assertEqual(sorted(os.listdir(folder)), ["a.h5", "a.h5.log"])

    # ---- the file of a running sweep

    def disturbed(self, disturb):
        """Start a sweep, disturb it at its first block, and let it end; its exit code."""
        self.write("grid.yaml", LONG)
        process = self.start(2, *self.run_args("a.h5"))
        self.wait_for_blocks(process, "a.h5")
        disturb()
        done = self.finish(process)
        self.assertNotEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.error_lines(done)), 1, done.stderr)
        return done

    def test_removed(self):
        done = self.disturbed(lambda: os.unlink(self.path("a.h5")))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("No such file", done.stderr)
        self.assertEqual(self.sweep("grid.yaml", "a.h5", 2), self.sweep("grid.yaml", "whole.h5", 2))

    def test_truncated(self):
        self.disturbed(lambda: os.truncate(self.path("a.h5"), 3000))
        self.fails(0, "status", self.path("a.h5"), code=3, says="a.h5")
        self.fails(0, *self.run_args("a.h5"), code=3, says="a.h5")

    def test_replaced(self):
        """By its own earlier self: what was written since is missing, is noticed, and is done again."""
        def replace():
            shutil.copy(self.path("early.h5"), self.path("other.h5"))
            os.rename(self.path("other.h5"), self.path("a.h5"))
        self.write("grid.yaml", LONG)
        self.program(0, *self.run_args("early.h5"), "--max-seconds", "1e-9", code=75)
        self.disturbed(replace)
        self.assertEqual(self.sweep("grid.yaml", "a.h5", 2), self.sweep("grid.yaml", "whole.h5", 2))

    def test_copied(self):
        """Copies taken while the file is written, with and without the log: each one resumes to the digest."""
        self.write("grid.yaml", LONG)
        process = self.start(2, *self.run_args("a.h5"))
        self.wait_for_blocks(process, "a.h5")
        copies = 0
        while process.poll() is None and copies < 6:
            shutil.copy(self.path("a.h5"), self.path(f"copy{copies}.h5"))
            if copies % 2:
                shutil.copy(self.path("a.h5.log"), self.path(f"copy{copies}.h5.log"))
            copies += 1
            time.sleep(0.05)
        self.assertEqual(self.finish(process).returncode, 0)
        self.assertGreater(copies, 0)
        expected = self.status("a.h5")["results_digest"]
        for i in range(copies):
            self.assertEqual(self.sweep("grid.yaml", f"copy{i}.h5", self.chance.choice((0, 2))), expected)

    # ---- two sweeps, a clock

    def test_two_sweeps_at_once(self):
        self.write("grid.yaml", SMALL)
        expected = self.sweep("grid.yaml", "whole.h5")
        for _ in range(5):
            self.remove_sweep("a.h5")
            both = [self.start(self.chance.choice((0, 2)), *self.run_args("a.h5")) for _ in range(2)]
            done = [self.finish(process) for process in both]
            codes = sorted(one.returncode for one in done)
            self.assertIn(codes, ([0, 0], [0, 1]), [one.stderr for one in done])  # [0, 0]: one after the other
            for one in done:
                if one.returncode == 1:
                    self.assertIn("another sweep or merge writes this file", one.stderr)
            self.assertEqual(self.sweep("grid.yaml", "a.h5"), expected)

    def test_clock_set_back(self):
        """An hour back, from the first or a later look at the calendar: limits and lock go by another clock."""
        self.write("grid.yaml", SMALL)
        expected = self.sweep("grid.yaml", "whole.h5")
        self.write("long.yaml", LONG.replace("count: 20", "count: 1000"))
        for look in (1, self.chance.randint(2, 20)):
            self.remove_sweep("a.h5")
            done = self.finish(self.start_with_shim(0, *self.run_args("a.h5"), shim=None, clock=f"{look} 3600"))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.status("a.h5")["results_digest"], expected)
            began = time.monotonic()
            process = self.start_with_shim(0, *self.run_args("b.h5", "long.yaml"), "--max-seconds", "0.5", shim=None,
                                           clock=f"{look} 3600")
            self.assertEqual(self.finish(process).returncode, 75)
            self.assertLess(time.monotonic() - began, 30)

    def test_frozen_owner(self):
        """A sweep that was stopped by the system and goes on later: the second one waits it out or is refused, and
        whoever ends last, the results are those of one."""
        self.write("grid.yaml", LONG)
        first = self.start(0, *self.run_args("a.h5"))
        self.wait_for_blocks(first, "a.h5")
        os.kill(first.pid, signal.SIGSTOP)
        second = self.start(2, *self.run_args("a.h5"))
        done = self.finish(second)
        os.kill(first.pid, signal.SIGCONT)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.finish(first)
        self.assertEqual(self.sweep("grid.yaml", "a.h5"), self.sweep("grid.yaml", "whole.h5", 2))
        self.assertEqual(glob.glob(self.path("a.h5.lock*")), [])


if __name__ == "__main__":
    enter_namespace()
    unittest.main()
