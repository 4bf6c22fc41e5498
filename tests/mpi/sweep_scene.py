"""What tests of whole sweeps share: a private folder, starting and killing the program, reading its log."""
import glob
import json
import math
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.path.abspath(os.environ.get("SGDSWEEP", "build/sgdsweep"))
SEED = int(os.environ.get("SGDSWEEP_TEST_SEED", "20261123"))
TIMEOUT_S = 120
SMALL = """
activation: [linear, relu]
dimension: [8, 32]
batch_size: [1, 12, n/2, n-1, n]
step_size: {scaled_by_batch: [0.1, 0.2]}
seed: {first: 1, count: 20}
"""


def descendants(pid):
    """Process ids of all children of a process, and theirs."""
    children = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        fields = text[text.rindex(")") + 2:].split()
        children.setdefault(int(fields[1]), []).append(int(text.split()[0]))
    found, queue = [], [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            found.append(child)
            queue.append(child)
    return found


def is_program(pid):
    try:
        return os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(PROGRAM)
    except OSError:
        return False


class SweepScene(unittest.TestCase):
    def setUp(self):
        # Open MPI's session folders go to a short private path, so that what kills leave behind can be removed.
        self.folder = tempfile.mkdtemp(prefix="sgs")
        self.env = dict(os.environ, TMPDIR=self.folder, OMPI_ALLOW_RUN_AS_ROOT="1",
                        OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_mpi_yield_when_idle="1",
                        OMPI_MCA_fbtl_posix_write_datasieving="0",
                        OMPI_MCA_btl_vader_backing_directory=self.folder)
        for name in ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "SGDSWEEP_DEADLINE"):
            self.env.pop(name, None)
        self.started = []

    def tearDown(self):
        for process in self.started:
            if process.poll() is None:
                self.kill_all(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- tools

    def path(self, name):
        return os.path.join(self.folder, name)

    def grid(self, text, name="grid.yaml"):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def command(self, ranks, *arguments):
        launcher = ["mpirun", "--bind-to", "none", "--oversubscribe", "-n", str(ranks)] if ranks else []
        return [*launcher, PROGRAM, *arguments]

    def start(self, ranks, *arguments, env=None):
        process = subprocess.Popen(self.command(ranks, *arguments), env=dict(self.env, **(env or {})),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.started.append(process)
        return process

    def finish(self, process):
        out, err = process.communicate(timeout=TIMEOUT_S)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def program(self, ranks, *arguments, env=None, code=0):
        done = self.finish(self.start(ranks, *arguments, env=env))
        self.assertEqual(done.returncode, code, f"{done.args}\n{done.stdout}\n{done.stderr}")
        return done

    def status(self, file, digest=True):
        arguments = ["status", self.path(file), "--json"] + (["--digest"] if digest else [])
        return json.loads(self.program(0, *arguments).stdout)

    def sweep(self, grid, file, ranks=0, env=None, options=()):
        """Run to the end and return the digest."""
        self.program(ranks, "run", grid, "-o", self.path(file), *options, env=env)
        status = self.status(file)
        self.assertTrue(status["complete"], status)
        self.assertEqual(status["pending"], 0)
        self.assertEqual(status["damaged"], 0)
        return status["results_digest"]

    def events(self, file, name=None):
        with open(self.path(file) + ".log", encoding="utf-8") as log:
            lines = log.read().splitlines()
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # a kill may cut the line that was being written
        return [event for event in found if name is None or event["event"] == name]

    def wait_for_blocks(self, process, file, count=3):
        """Wait until a sweep has logged some blocks."""
        deadline = time.time() + TIMEOUT_S
        while time.time() < deadline:
            self.assertIsNone(process.poll(), "the sweep ended before it could be disturbed")
            if os.path.exists(self.path(file) + ".log") and len(self.events(file, "block")) >= count:
                return
            time.sleep(0.02)
        self.fail("no progress")

    def ranks_of(self, process):
        return sorted(pid for pid in descendants(process.pid) if is_program(pid))

    def kill_all(self, process):
        for pid in [process.pid, *descendants(process.pid)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.communicate(timeout=TIMEOUT_S)


# Runs of some ten million steps.
LONG = """
activation: relu
dimension: %d
batch_size: n-1
step_size: {scaled_by_batch: %g}
seed: {first: 1, count: 6}
"""


class LongScene(SweepScene):
    """Sweeps of long runs, which take some seconds and are disturbed."""

    def long(self, name="grid.yaml", seconds=2.5, more=""):
        """A grid that takes so long on one rank of this machine now, by `plan`."""
        eps = 0.01
        plan = self.program(0, "plan", self.grid(LONG % (64, eps), "measured.yaml"), "--ranks", "1", "--json").stdout
        eps *= math.sqrt(json.loads(plan)["makespan_seconds"] / seconds)  # time goes like 1 / eps^2
        return self.grid(LONG % (64, eps) + more, name)

    def life(self, ranks, grid, file, *options, seconds=None, code=75, **more):
        """One life of a sweep; returns its process."""
        limit = ["--max-seconds", str(seconds)] if seconds else []
        return self.program(ranks, "run", grid, "-o", self.path(file), *limit, *options, code=code, **more)

    def wait_for(self, process, file, event="start", count=1):
        """Wait for some events of a running sweep."""
        deadline = time.time() + 60
        while time.time() < deadline:
            if os.path.exists(self.path(file) + ".log") and len(self.events(file, event)) >= count:
                return
            self.assertIsNone(process.poll(), "the sweep ended before it could be disturbed")
            time.sleep(0.02)
        self.fail(f"no {event}")

    def states(self, file):
        folder = self.path(file) + ".ckpt"
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def steps(self, file):
        """Steps of all lives that ended by themselves."""
        return sum(event["steps"] for name in ("stop", "complete") for event in self.events(file, name))

    def assert_same_file(self, one, other):
        with open(self.path(one), "rb") as a, open(self.path(other), "rb") as b:
            self.assertTrue(a.read() == b.read(), f"{one} and {other} differ")
